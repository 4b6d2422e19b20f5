package plan

import (
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// PauseAfter says where an upgrade stops so that the operator can look; the same command goes on.
type PauseAfter string

// The places to pause at.
const (
	PauseNever             PauseAfter = ""
	PauseAfterControlPlane PauseAfter = "control-plane"
	PauseAfterFirstWorker  PauseAfter = "first-worker"
	PauseAfterEveryNode    PauseAfter = "every-node"
)

// nodes moves the kubelets that stop here: the control-plane nodes one after another, then the workers, as many at once as may be down.
func (s stop) nodes() []Phase {
	var controlPlanes, workers []cluster.Node
	freshWorkers := true
	for _, n := range s.in.Cluster.Nodes {
		switch {
		case !s.moves(n.Name) || !s.chosen(n):
		case s.nodeDone(n):
			freshWorkers = freshWorkers && n.Role != cluster.Worker
		case n.Role == cluster.ControlPlane:
			controlPlanes = append(controlPlanes, n)
		default:
			workers = append(workers, n)
		}
	}
	if len(controlPlanes)+len(workers) == 0 {
		return nil
	}
	controlPlanes, workers = s.leaderLast(controlPlanes), s.draining(workers)
	s.firstWorker(workers)
	var out []Phase
	if len(controlPlanes)+len(workers) > 1 {
		out = append(out, s.mark(slices.Concat(controlPlanes, workers)))
	}
	pauseEvery := s.in.Options.PauseAfter == PauseAfterEveryNode
	rest := func() bool { return len(controlPlanes)+len(workers) > 0 }
	for len(controlPlanes) > 0 {
		take := len(controlPlanes)
		if pauseEvery {
			take = 1
		}
		ph := s.move("control-plane nodes", controlPlanes[:take])
		out, controlPlanes = append(out, ph), controlPlanes[take:]
		if pauseEvery && rest() {
			out = append(out, s.pause(ph.Groups[0].Title))
		}
	}
	for len(workers) > 0 {
		take := len(workers)
		canary := s.in.Options.PauseAfter == PauseAfterFirstWorker && freshWorkers
		if pauseEvery || canary {
			take = 1
		}
		ph := s.move("workers", workers[:take])
		ph.MaxFailures = s.in.Options.MaxFailures
		if take > 1 {
			ph.Parallel = max(1, s.in.Options.MaxUnavailable)
		}
		out, workers, freshWorkers = append(out, ph), workers[take:], false
		if (pauseEvery || canary) && rest() {
			out = append(out, s.pause(ph.Groups[0].Title))
		}
	}
	return out
}

// leaderLast moves etcd's leader behind the others.
func (s stop) leaderLast(nodes []cluster.Node) []cluster.Node {
	out := byName(nodes)
	slices.SortStableFunc(out, func(a, b cluster.Node) int {
		switch {
		case a.Name == s.leader:
			return 1
		case b.Name == s.leader:
			return -1
		}
		return 0
	})
	return out
}

// move makes the phase that moves some nodes. Its ID is that of its first node, which tells it from the others of the stop.
func (s stop) move(what string, nodes []cluster.Node) Phase {
	ph := Phase{ID: s.label + "/nodes/" + nodes[0].Name, Title: upper(what) + " to " + s.Version.String(), Parallel: 1}
	for i, n := range nodes {
		ph.Groups = append(ph.Groups, s.moveNode(n, heirs(nodes, nodes[i].Name)))
		s.touch(n.Name, s.index)
	}
	return ph
}

// moveNode drains a node and gives it its new kubelet.
func (s stop) moveNode(n cluster.Node, heirs []string) Group {
	v, o := s.Version, s.in.Options
	id := s.label + "/nodes/" + n.Name
	var steps []Step
	switch {
	case n.Role == cluster.Worker:
		steps = append(steps, s.kubeadmPackage(id, n),
			s.host(id+"/node", "kubeadm upgrade node", n.Name, hostaction.KubeadmNode{Version: v, IgnorePreflight: o.IgnoreKubeadmPreflight}, 10*time.Minute))
	case ControlPlaneAt(n, v):
		// The climb passes such a node by, but its kubeadm may have been left behind.
		steps = append(steps, s.kubeadmPackage(id, n))
	}
	rest, stays := without(s.packages(n.Name, v), "kubeadm"), "node stays"
	if n.Role == cluster.ControlPlane {
		stays = "node and its static pods stay"
		steps = append(steps, s.moveLeader(id, n, heirs)...)
	}
	steps = append(steps,
		s.step(id+"/cordon", "cordon", Cordon, n.Name, CordonParams{Version: v}, true, time.Minute),
		s.step(id+"/drain", "drain", Drain, n.Name, DrainParams{
			Version: v, DeleteEmptyDir: o.DeleteEmptyDir, Force: o.Force, DisableEviction: o.DisableEviction, GracePeriodSeconds: o.GracePeriodSeconds,
		}, true, time.Duration(o.DrainTimeout)),
		s.host(id+"/packages", "install "+names(rest), n.Name, hostaction.InstallPackages{Version: v, Versions: rest, Bundle: o.PackagesFrom.bundle()}, 15*time.Minute),
		s.host(id+"/kubelet", "restart kubelet", n.Name, hostaction.RestartKubelet{Version: v, Others: n.Role == cluster.ControlPlane && len(s.in.Cluster.OfRole(cluster.ControlPlane)) > 1}, 5*time.Minute),
	)
	// The kubelet of a control-plane node asks, from kubeadm 1.33 on, the API server of its own node, and is heard only once that is back. That the node
	// can take pods, which is seconds before, the restart's host action has seen.
	if n.Role == cluster.Worker {
		steps = append(steps, s.step(id+"/ready", "node Ready at "+v.String(), NodeReady, n.Name, NodeReadyParams{Version: v}, false, 10*time.Minute))
	}
	steps = append(steps,
		s.step(id+"/uncordon", "uncordon", Uncordon, n.Name, nil, true, time.Minute),
		// That it stays so is for the next node to wait for.
		s.step(id+"/stable", stays+" Ready for "+time.Duration(stable).String(), NodeReady, n.Name, NodeReadyParams{Version: v, Stable: stable}, false, 10*time.Minute),
	)
	return Group{ID: id, Title: n.Name, Steps: steps}
}

// mark makes the scheduler prefer other nodes than those that are still to be drained, so that no pod moves twice without need.
func (s stop) mark(nodes []cluster.Node) Phase {
	p := MarkParams{}
	for _, n := range nodes {
		p.Nodes = append(p.Nodes, n.Name)
	}
	id := s.label + "/mark"
	return Phase{ID: id, Title: "Keep pods off nodes that are drained later", Parallel: 1, Groups: []Group{{
		ID: id + "/cluster", Title: "cluster", Steps: []Step{
			s.step(id+"/taint", "taint them PreferNoSchedule until their turn is over", Mark, "", p, true, 5*time.Minute),
		},
	}}}
}

// pause makes the phase that stops the run.
func (s stop) pause(after string) Phase {
	id := s.label + "/pause/" + dashed(after)
	return Phase{ID: id, Title: "Pause after " + after, Parallel: 1, Groups: []Group{{
		ID: id + "/cluster", Title: "cluster", Steps: []Step{
			s.step(id+"/stop", "stop here until the command is run again", Pause, "", nil, false, time.Minute),
		},
	}}}
}
