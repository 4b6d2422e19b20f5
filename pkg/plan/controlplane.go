package plan

import (
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// controlPlane moves the control plane, one node at a time: the first with "kubeadm upgrade apply", the others with "kubeadm upgrade node".
func (s stop) controlPlane() []Phase {
	id := s.label + "/control-plane"
	ph := Phase{ID: id, Title: "Control plane to " + s.Version.String(), Parallel: 1}
	nodes, reason := s.climbing()
	if s.order == nil {
		for _, n := range nodes {
			s.builder.order = append(s.builder.order, n.Name)
		}
	}
	applied := Applied(s.in.Cluster, s.Version)
	for _, n := range nodes {
		if ControlPlaneAt(n, s.Version) && applied {
			continue
		}
		ph.Groups = append(ph.Groups, s.climb(id+"/"+n.Name, n, !applied, heirs(nodes, n.Name)))
		applied = true
		s.touch(n.Name, s.index)
	}
	if len(ph.Groups) == 0 {
		return nil
	}
	if len(ph.Groups) == len(nodes) && reason != "" {
		s.reasons = append(s.reasons, reason)
	}
	out := []Phase{ph}
	if s.in.Options.PauseAfter == PauseAfterControlPlane && s.index == len(s.stops)-1 {
		out = append(out, s.pause("the control plane"))
	}
	return out
}

// climb takes one control-plane node to the stop's version.
func (s stop) climb(id string, n cluster.Node, first bool, heirs []string) Group {
	ignore := s.in.Options.IgnoreKubeadmPreflight
	steps := []Step{s.kubeadmPackage(id, n)}
	if first {
		steps = append(steps, s.host(id+"/plan", "kubeadm upgrade plan "+s.Version.String(), n.Name,
			hostaction.KubeadmPlan{Version: s.Version, IgnorePreflight: ignore}, 5*time.Minute))
	}
	steps = append(steps, s.moveLeader(id, n, heirs)...)
	if first {
		steps = append(steps, s.host(id+"/apply", "kubeadm upgrade apply "+s.Version.String(), n.Name,
			hostaction.KubeadmApply{Version: s.Version, IgnorePreflight: ignore, SkipEtcd: s.in.Options.KeepEtcd}, 30*time.Minute))
	} else {
		steps = append(steps, s.host(id+"/node", "kubeadm upgrade node", n.Name,
			hostaction.KubeadmNode{Version: s.Version, IgnorePreflight: ignore, SkipEtcd: s.in.Options.KeepEtcd}, 30*time.Minute))
	}
	steps = append(steps, s.step(id+"/ready", "control plane answers and is stable", ControlPlaneReady, n.Name,
		ControlPlaneReadyParams{Version: s.Version, Stable: stable}, false, 10*time.Minute))
	return Group{ID: id, Title: n.Name, Steps: steps}
}

// heirs names the nodes that etcd's leadership may go to before a node's turn: those that had theirs, the last one first, since the first
// one may be the first of the next stop too; where there is none, the one whose turn is the last.
func heirs(nodes []cluster.Node, name string) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	if i := slices.Index(out, name); i > 0 {
		out = out[:i]
	} else {
		out = out[1:]
	}
	slices.Reverse(out)
	return out
}

// leaderWait is for a leader that does not move at once, and for a snapshot of raft that etcd takes after up to a hundred thousand entries.
const leaderWait = 5 * time.Minute

// moveLeader gives etcd's leadership away before its member goes down, to a member that does not go down next. Where the
// leader is when the step's turn comes, the step finds out by looking; with one member there is nobody to give it to.
func (s stop) moveLeader(id string, n cluster.Node, heirs []string) []Step {
	var members []string
	for _, o := range byName(s.in.Cluster.OfRole(cluster.ControlPlane)) {
		if _, ok := o.Component("etcd"); ok {
			members = append(members, o.Name)
		}
	}
	if len(members) < 2 || !slices.Contains(members, n.Name) {
		return nil
	}
	prefer := slices.DeleteFunc(slices.Clone(heirs), func(name string) bool { return !slices.Contains(members, name) })
	if s.leader == n.Name && len(prefer) > 0 {
		s.builder.leader = prefer[0]
	}
	return []Step{s.host(id+"/leader", "let etcd do without this member", n.Name, hostaction.MoveEtcdLeader{Prefer: prefer}, leaderWait)}
}
