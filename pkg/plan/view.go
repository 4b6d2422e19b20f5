package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Component is a part of Kubernetes, as it runs and as the upgrade leaves it.
type Component struct {
	Name string `json:"name"`
	// Current are the versions that run; more than one is an upgrade that was cut short.
	Current []string `json:"current"`
	// Target is a version, or says in words which one.
	Target string `json:"target"`
}

// components tells of every part what becomes of it.
func (b *builder) components() []Component {
	c, to := b.in.Cluster, b.to.String()
	var out []Component
	add := func(name, target string, current []string) {
		slices.SortFunc(current, byVersion)
		if current = slices.Compact(current); len(current) > 0 {
			out = append(out, Component{name, current, target})
		}
	}
	for _, name := range ControlPlaneComponents {
		var current []string
		for _, n := range c.Nodes {
			if s, ok := n.Component(name); ok && name != "etcd" {
				current = append(current, s.Version.String())
			}
		}
		add(name, to, current)
	}
	if have, ok := etcdImageVersion(c); ok && !c.Kubeadm.ExternalEtcd {
		add("etcd", etcdAfter(c, b.in.Path, b.in.Options.KeepEtcd), []string{have.Bare()})
	}
	var kubelets []string
	target := to
	for _, n := range c.Nodes {
		kubelets = append(kubelets, n.KubeletVersion.String())
		if !b.chosen(n) {
			target = to + " on the chosen nodes"
		}
	}
	add("kubelet", target, kubelets)
	for _, a := range c.Addons {
		target := to
		if a.Name != "kube-proxy" {
			target = "what kubeadm " + to + " brings"
		}
		add(a.Name, target, []string{tagOf(a.Image)})
	}
	return out
}

// byVersion puts tags in the order of the versions that they are, and others by letter.
func byVersion(a, b string) int {
	va, errA := version.Parse(a)
	vb, errB := version.Parse(b)
	if errA != nil || errB != nil {
		return cmp.Compare(a, b)
	}
	return va.Compare(vb)
}

// etcdAfter is the release that kubeadm leaves etcd at.
func etcdAfter(c *cluster.Cluster, path []version.Version, keep bool) string {
	have, _ := etcdImageVersion(c)
	switch tag := c.Kubeadm.EtcdImageTag; {
	case keep:
		return have.Bare()
	case tag != "":
		return tag
	}
	for _, v := range path {
		p, err := knowledge.EtcdFor(v)
		if err != nil {
			return "what kubeadm " + v.String() + " brings"
		}
		if have.Less(p.Default) {
			have = p.Default
		}
	}
	return have.Bare()
}

func tagOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[i+1:]
	}
	return image
}

// disruption says in sentences what users of the cluster have to expect. Nothing is told of what nobody notices.
func (b *builder) disruption(p *Plan) []string {
	c := b.in.Cluster
	var out []string
	restarts := 0
	for _, ph := range p.Phases {
		if ph.Hop != "" && strings.HasSuffix(ph.ID, "/control-plane") {
			restarts++
		}
	}
	switch servers := len(c.OfRole(cluster.ControlPlane)); {
	case restarts == 0:
	case servers == 1:
		out = append(out, fmt.Sprintf("the API does not answer while its only server restarts: %s, for seconds up to a minute; pods run on", times(restarts)))
	default:
		out = append(out, fmt.Sprintf("each of the %d API servers restarts %s, one at a time: who asks it directly, and not through a load balancer, gets no answer for seconds", servers, times(restarts)))
	}
	pods, down, drained := 0, 0, 0
	for _, s := range p.Nodes {
		if s.Evicted == nil {
			continue
		}
		drained++
		n, _ := c.Node(s.Name)
		pods += len(s.Evicted)
		for _, o := range n.Pods {
			if o.Stuck != "" {
				down++
			}
		}
	}
	if pods > 0 {
		out = append(out, fmt.Sprintf("%s moved to other nodes by drains of %s, as their disruption budgets allow", are(pods, "pod"), numbered(drained, "node")))
	}
	if down > 0 {
		out = append(out, fmt.Sprintf("%s down while the node is, since no other node can run what is tied to it", are(down, "pod")))
	}
	return out
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func numbered(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}

// firstWorker says why the first worker is first, where there is a choice.
func (b *builder) firstWorker(workers []cluster.Node) {
	if len(workers) < 2 || workers[0].CordonedByUs || b.podsToMove(workers[0]) == b.podsToMove(workers[len(workers)-1]) {
		return
	}
	reason := workers[0].Name + " is the first worker: the fewest pods run on it, and those that are drained first may have to move again"
	if !slices.Contains(b.reasons, reason) {
		b.reasons = append(b.reasons, reason)
	}
}
