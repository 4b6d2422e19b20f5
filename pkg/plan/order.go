package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// everyNode gives all nodes, control-plane nodes first, each kind by name: an order that depends on nothing that an upgrade changes.
func (b *builder) everyNode() []cluster.Node {
	c := b.in.Cluster
	return slices.Concat(byName(c.OfRole(cluster.ControlPlane)), byName(c.OfRole(cluster.Worker)))
}

func byName(nodes []cluster.Node) []cluster.Node {
	out := slices.Clone(nodes)
	slices.SortStableFunc(out, func(a, b cluster.Node) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// climbing orders the control-plane nodes for one stop and says why the first one is first. A node that has begun goes on,
// so that an apply that was cut short is finished where it was begun; the leader of etcd comes last, so that it moves
// once, and to a member that stays.
//
// Later stops keep the order. A kubelet that asks its own API server, as kubeadm has it from 1.33 on, asks ever less often while that restarts, down to once a minute, and forgets it after two minutes only;
// of a node that was last and is the first again kubeadm would wait for the kubelet for minutes.
// https://github.com/kubernetes/client-go/blob/v0.35.4/tools/cache/reflector.go (NewExponentialBackoffManager)
func (s stop) climbing() (nodes []cluster.Node, reason string) {
	nodes = byName(s.in.Cluster.OfRole(cluster.ControlPlane))
	leaders := s.leaders
	if s.order != nil {
		rank := func(n cluster.Node) int {
			if s.begun(n) {
				return -1
			}
			return slices.Index(s.order, n.Name)
		}
		slices.SortStableFunc(nodes, func(a, b cluster.Node) int { return cmp.Compare(rank(a), rank(b)) })
		return nodes, ""
	}
	rank := func(n cluster.Node) int {
		switch {
		case s.begun(n):
			return 0
		case n.Name == s.leader:
			return 3
		case n.Name == leaders.Scheduler || n.Name == leaders.ControllerManager:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(nodes, func(a, b cluster.Node) int { return cmp.Compare(rank(a), rank(b)) })
	if len(nodes) == 1 {
		return nodes, ""
	}
	reason = "first by name"
	switch rank(nodes[0]) {
	case 0:
		reason = "it has begun already"
	case 1:
		var leading []string
		if s.leader != "" {
			leading = append(leading, "etcd's leader on "+s.leader)
		}
		if leaders.Scheduler != "" {
			leading = append(leading, "the scheduler's on "+leaders.Scheduler)
		}
		if leaders.ControllerManager != "" {
			leading = append(leading, "the controller manager's on "+leaders.ControllerManager)
		}
		if len(leading) > 0 {
			reason = "it leads nothing: " + strings.Join(leading, ", ")
		}
	case 2:
		reason = "etcd's leader is on " + s.leader + ", which comes last"
	}
	return nodes, fmt.Sprintf("%s goes to %s first: %s", nodes[0].Name, s.Version, reason)
}

// begun tells whether a node was taken towards the stop's version before.
func (s stop) begun(n cluster.Node) bool {
	for _, p := range n.StaticPods {
		if p.OfKubernetes() && p.Version == s.Version {
			return true
		}
	}
	if n.Host == nil {
		return false
	}
	p, ok := n.Host.Package("kubeadm")
	return ok && p.Version == s.packages(n.Name, s.Version)["kubeadm"]
}

// draining orders workers by how many pods the drain of each moves, fewest first: the pods of the first find no new node yet and may
// have to move again, those of the others go to nodes that are done. A node that is cordoned by us has begun and goes on.
func (b *builder) draining(nodes []cluster.Node) []cluster.Node {
	out := byName(nodes)
	rank := func(n cluster.Node) int {
		if n.CordonedByUs {
			return -1
		}
		return b.podsToMove(n)
	}
	slices.SortStableFunc(out, func(a, b cluster.Node) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

func (b *builder) podsToMove(n cluster.Node) int {
	if b.in.Saved != nil {
		if i := slices.IndexFunc(b.in.Saved.Nodes, func(o NodeSummary) bool { return o.Name == n.Name }); i >= 0 {
			return len(b.in.Saved.Nodes[i].Evicted)
		}
	}
	return len(n.Pods)
}
