package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Options are the operator's choices.
type Options struct {
	DeleteEmptyDir     bool
	Force              bool
	GracePeriodSeconds int
	DrainTimeout       time.Duration
	// IgnoreKubeadmPreflight is handed to kubeadm as --ignore-preflight-errors.
	IgnoreKubeadmPreflight []string
}

// Input is all that a plan is computed from.
type Input struct {
	Cluster *cluster.Cluster
	To      version.Version
	// Packages is what each node's package manager would do, by node name.
	Packages map[string]hostaction.Resolution
	Options  Options
}

// ForCluster computes the plan that brings a cluster to a version not more than one minor ahead.
// It assumes that preflight found nothing that blocks; what it cannot plan is an error.
// A cluster that is half upgraded gets a plan for the rest.
func ForCluster(in Input) (*Plan, error) {
	c := in.Cluster
	p := &Plan{
		APIVersion: APIVersion,
		Kind:       "ClusterUpgradePlan",
		Cluster:    ClusterRef{UID: c.UID, Server: c.Server, Context: c.Context},
		From:       Oldest(c),
		To:         in.To,
	}
	b := builder{in: in}
	controlPlanes := byName(c.OfRole(cluster.ControlPlane))
	if len(controlPlanes) == 0 {
		return nil, fmt.Errorf("plan upgrade: no control-plane node found")
	}
	all := slices.Concat(controlPlanes, byName(c.OfRole(cluster.Worker)))
	for _, n := range all {
		p.Nodes = append(p.Nodes, b.summary(n))
	}
	climb := b.controlPlane(controlPlanes)
	nodes := b.nodes(all)
	if len(climb.Groups)+len(nodes.Groups) > 0 {
		p.Phases = append(p.Phases, b.prepare(all, climb, nodes))
		for _, ph := range []Phase{climb, nodes} {
			if len(ph.Groups) > 0 {
				p.Phases = append(p.Phases, ph)
			}
		}
		p.Phases = append(p.Phases, b.finish(all))
	}
	if b.err != nil {
		return nil, b.err
	}
	return p, p.seal()
}

// byName orders nodes so that the same cluster always gives the same plan, and a resumed upgrade goes on where it was.
func byName(nodes []cluster.Node) []cluster.Node {
	out := slices.Clone(nodes)
	slices.SortStableFunc(out, func(a, b cluster.Node) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Oldest is the oldest version that anything in the cluster runs: where the upgrade starts from.
func Oldest(c *cluster.Cluster) version.Version {
	oldest := c.Kubeadm.KubernetesVersion
	see := func(v version.Version) {
		if !v.IsZero() && (oldest.IsZero() || v.Less(oldest)) {
			oldest = v
		}
	}
	for _, n := range c.Nodes {
		see(n.KubeletVersion)
		for _, s := range n.StaticPods {
			see(s.Version)
		}
	}
	return oldest
}

// builder makes the steps and keeps the first error, so that the phases read as a table of contents.
type builder struct {
	in  Input
	err error
}

func (b *builder) step(id, title string, kind Kind, node string, params any, changes bool, timeout time.Duration) Step {
	s := Step{ID: id, Title: title, Kind: kind, Node: node, Changes: changes, Timeout: Duration(timeout)}
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil && b.err == nil {
			b.err = fmt.Errorf("plan step %s: %w", id, err)
		}
		s.Params = raw
	}
	return s
}

func (b *builder) host(id, title, node string, a hostaction.Action, timeout time.Duration) Step {
	return b.step(id, title, Kind(a.Kind()), node, a, a.Changes(), timeout)
}

// prepare fetches everything that the later phases need on each node they touch, before anything changes.
func (b *builder) prepare(all []cluster.Node, later ...Phase) Phase {
	ph := Phase{ID: "prepare", Title: "Fetch packages and images", Parallel: 3}
	for _, n := range all {
		touched := slices.ContainsFunc(later, func(p Phase) bool {
			return slices.ContainsFunc(p.Groups, func(g Group) bool { return g.Title == n.Name })
		})
		if !touched {
			continue
		}
		id := "prepare/" + n.Name
		res := b.in.Packages[n.Name]
		ph.Groups = append(ph.Groups, Group{ID: id, Title: n.Name, Steps: []Step{
			b.host(id+"/packages", "download packages", n.Name,
				hostaction.DownloadPackages{Version: b.in.To, Versions: res.Versions}, 15*time.Minute),
			b.host(id+"/images", "pull images", n.Name, hostaction.PullImages{
				Version:         b.in.To,
				ImageRepository: b.in.Cluster.Kubeadm.ImageRepository,
				ControlPlane:    n.Role == cluster.ControlPlane,
			}, 30*time.Minute),
		}})
	}
	return ph
}

// controlPlane moves the control plane, one node at a time: the first with "kubeadm upgrade apply", the others with "kubeadm upgrade node".
func (b *builder) controlPlane(nodes []cluster.Node) Phase {
	to := b.in.To
	id := to.MinorString() + "/control-plane"
	ph := Phase{ID: id, Title: "Control plane to " + to.String(), Parallel: 1}
	ignore := b.in.Options.IgnoreKubeadmPreflight
	for i, n := range nodes {
		first := i == 0
		if ControlPlaneAt(n, to) && (!first || Applied(b.in.Cluster, to)) {
			continue
		}
		id := id + "/" + n.Name
		steps := []Step{b.kubeadmPackage(id, n)}
		if first {
			steps = append(steps,
				b.host(id+"/plan", "kubeadm upgrade plan "+to.String(), n.Name, hostaction.KubeadmPlan{Version: to, IgnorePreflight: ignore}, 5*time.Minute),
				b.host(id+"/apply", "kubeadm upgrade apply "+to.String(), n.Name, hostaction.KubeadmApply{Version: to, IgnorePreflight: ignore}, 30*time.Minute))
		} else {
			steps = append(steps,
				b.host(id+"/node", "kubeadm upgrade node", n.Name, hostaction.KubeadmNode{Version: to, IgnorePreflight: ignore}, 30*time.Minute))
		}
		steps = append(steps, b.step(id+"/ready", "control plane answers and is stable", ControlPlaneReady, n.Name,
			ControlPlaneReadyParams{Version: to, Stable: stable}, false, 10*time.Minute))
		ph.Groups = append(ph.Groups, Group{ID: id, Title: n.Name, Steps: steps})
	}
	return ph
}

// nodes moves each node's kubelet, one node at a time, control-plane nodes first.
func (b *builder) nodes(nodes []cluster.Node) Phase {
	to, o := b.in.To, b.in.Options
	ph := Phase{ID: "nodes", Title: "Nodes to " + to.String(), Parallel: 1}
	for _, n := range nodes {
		if b.nodeDone(n) {
			continue
		}
		id := "nodes/" + n.Name
		var steps []Step
		switch {
		case n.Role == cluster.Worker:
			steps = append(steps, b.kubeadmPackage(id, n),
				b.host(id+"/node", "kubeadm upgrade node", n.Name, hostaction.KubeadmNode{Version: to, IgnorePreflight: o.IgnoreKubeadmPreflight}, 10*time.Minute))
		case ControlPlaneAt(n, to):
			// The climb passes such a node by, but its kubeadm may have been left behind.
			steps = append(steps, b.kubeadmPackage(id, n))
		}
		rest := without(b.in.Packages[n.Name].Versions, "kubeadm")
		steps = append(steps,
			b.step(id+"/cordon", "cordon", Cordon, n.Name, CordonParams{Version: to}, true, time.Minute),
			b.step(id+"/drain", "drain", Drain, n.Name, DrainParams{
				Version: to, DeleteEmptyDir: o.DeleteEmptyDir, Force: o.Force, GracePeriodSeconds: o.GracePeriodSeconds,
			}, true, o.DrainTimeout),
			b.host(id+"/packages", "install "+names(rest), n.Name, hostaction.InstallPackages{Version: to, Versions: rest}, 15*time.Minute),
			b.host(id+"/kubelet", "restart kubelet", n.Name, hostaction.RestartKubelet{Version: to}, 5*time.Minute),
			b.step(id+"/ready", "node Ready at "+to.String()+" and stable", NodeReady, n.Name, NodeReadyParams{Version: to, Stable: stable}, false, 10*time.Minute),
			b.step(id+"/uncordon", "uncordon", Uncordon, n.Name, nil, true, time.Minute),
		)
		ph.Groups = append(ph.Groups, Group{ID: id, Title: n.Name, Steps: steps})
	}
	return ph
}

func (b *builder) kubeadmPackage(id string, n cluster.Node) Step {
	v := b.in.Packages[n.Name].Versions["kubeadm"]
	return b.host(id+"/kubeadm", "install kubeadm "+v, n.Name, hostaction.InstallPackages{
		Version: b.in.To, Versions: map[string]string{"kubeadm": v},
		// Old packages made kubeadm drag the kubelet along, restarting it undrained (kubernetes/release#2412).
		Forbid: []string{"kubelet", "kubectl"},
	}, 15*time.Minute)
}

func (b *builder) finish(all []cluster.Node) Phase {
	v := VerifyParams{Version: b.in.To, Held: map[string][]string{}, Packages: map[string]map[string]string{}}
	for _, n := range all {
		v.Held[n.Name] = held(n)
		v.Packages[n.Name] = b.in.Packages[n.Name].Versions
	}
	return Phase{ID: "finish", Title: "Finish", Parallel: 1, Groups: []Group{{
		ID: "finish/cluster", Title: "cluster", Steps: []Step{
			b.step("finish/verify", "verify every node, package and add-on", Verify, "", v, false, 10*time.Minute),
		},
	}}}
}

func names(versions map[string]string) string {
	s := ""
	for _, n := range cluster.PackageNames {
		if v, ok := versions[n]; ok {
			if s != "" {
				s += " "
			}
			s += n + " " + v
		}
	}
	return s
}

func without(m map[string]string, key string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}
