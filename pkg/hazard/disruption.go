package hazard

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

const drains = "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/"

var disruptionRows = []Hazard{
	{ID: "capacity-at-once", Severity: Advice, Source: drains,
		Title: "the rest of the cluster does not hold the pods of as many workers as are to be away at once: some wait, and drains with them where a budget needs them", Evidence: "%s away at once ask for %s, the others have room for %s",
		Fix: "lower --max-unavailable, add a node, or scale something down for the time of the upgrade", find: together},
	{ID: "pod-too-large", Severity: Advice, Source: drains,
		Title: "no other node has room for this pod alone: it is down until its node is back", Evidence: "pod %s/%s of node %q asks for %s, the most that another node has free is %s",
		Fix: "make room on one node", find: tooLarge},
	{ID: "pod-confined", Severity: Advice, Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/",
		Title: "none of the other nodes that a pod's node selector, affinity or volumes allow has room for it: it is down until its node is back", Evidence: "pod %s/%s of node %q asks for %s; of %s the most that is free is %s",
		Fix: "make room on one of these nodes, or let the pod run on others", find: confined},
	{ID: "single-replica", Severity: Advice, Source: drains,
		Title: "one pod is all there is, and it is drained: it is away while another one starts", Evidence: "%s has one pod, on node %q", Fix: "run two of it, if it has to answer all the time",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, w := range f.Cluster.Survey.Workloads {
				if w.Pods != 1 || len(w.Nodes) != 1 || !slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet"}, w.Kind) {
					continue
				}
				if n, ok := f.node(w.Nodes[0]); ok && f.moves(n) {
					out = append(out, Offender{name(w), n.Name})
				}
			}
			return out
		}},
	{ID: "node-pressure", Severity: Skippable, Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
		Title: "a node is short of something: it takes no pods from drained nodes, and evicts its own", Evidence: "node %q: %s", Fix: "make room on it",
		find: looks(func(n cluster.NodeLook) bool { return len(n.Pressures) > 0 }, func(n cluster.NodeLook) Offender { return Offender{n.Name, listed(n.Pressures)} })},
	{ID: "dns-on-one-node", Severity: Advice, Source: drains,
		Title: "all pods of the cluster's DNS are on one node: names do not resolve while it is drained", Evidence: "%s: all %d pods are on node %q", Fix: "spread them: kubectl -n kube-system rollout restart deployment coredns",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, w := range f.Cluster.Survey.Workloads {
				if w.Namespace == "kube-system" && w.Name == "coredns" && w.Pods > 1 && len(w.Nodes) == 1 && len(f.Cluster.Nodes) > 1 {
					out = append(out, Offender{name(w), w.Pods, w.Nodes[0]})
				}
			}
			return out
		}},
}

// room is what a node has left for pods that come.
func room(n cluster.Node) cluster.Resources {
	if !n.Ready || n.Tainted || n.Unschedulable && !n.CordonedByUs {
		return cluster.Resources{}
	}
	return n.Allocatable.Sub(n.Requested)
}

// need is what the pods that leave a node ask for elsewhere.
func need(n cluster.Node) cluster.Resources {
	var out cluster.Resources
	for _, p := range n.Pods {
		if p.Stuck == "" && p.Controller != "" {
			out = out.Add(p.Requests)
		}
	}
	return out
}

// together takes the workers with the most away at once. One at a time is judged elsewhere.
func together(f Facts) []Offender {
	if f.MaxUnavailable < 2 {
		return nil
	}
	var workers []cluster.Node
	for _, n := range f.Cluster.Nodes {
		if n.Role == cluster.Worker && f.moves(n) {
			workers = append(workers, n)
		}
	}
	slices.SortStableFunc(workers, func(a, b cluster.Node) int { return cmp.Compare(need(b).Memory, need(a).Memory) })
	away := map[string]bool{}
	var names []string
	var wanted, free cluster.Resources
	for _, n := range workers[:min(f.MaxUnavailable, len(workers))] {
		away[n.Name], names, wanted = true, append(names, n.Name), wanted.Add(need(n))
	}
	if len(names) < 2 {
		return nil
	}
	for _, n := range f.Cluster.Nodes {
		if !away[n.Name] {
			free = free.Add(room(n))
		}
	}
	if wanted.Sub(free) == (cluster.Resources{}) {
		return nil
	}
	return []Offender{{"nodes " + listed(names), amount(wanted), amount(free)}}
}

// tooLarge finds pods that fit nowhere else by themselves, with every other pod where it is.
func tooLarge(f Facts) []Offender {
	nodes := f.Cluster.Nodes
	rooms := make([]cluster.Resources, len(nodes)) // once: a large cluster has thousands of them
	var total cluster.Resources
	for i := range nodes {
		if r := room(nodes[i]); r.Pods > 0 {
			rooms[i], total = r, total.Add(r)
		}
	}
	var out []Offender
	for i, n := range nodes {
		if !f.moves(n) {
			continue
		}
		elsewhere := total.Sub(rooms[i])
		for _, p := range n.Pods {
			// That all nodes together have no room is told of elsewhere.
			if elsewhere.Pods == 0 || p.Only != nil || p.Stuck != "" || p.Controller == "" || p.Requests.Sub(elsewhere) != (cluster.Resources{}) {
				continue
			}
			var most cluster.Resources
			fits := false
			for j, r := range rooms {
				if j == i || r.Pods == 0 {
					continue
				}
				if fits = p.Requests.Sub(r) == (cluster.Resources{}); fits {
					break
				}
				if most.Pods == 0 || r.Memory > most.Memory {
					most = r
				}
			}
			if !fits {
				out = append(out, Offender{p.Namespace, p.Name, n.Name, amount(p.Requests), amount(most)})
			}
		}
	}
	return out
}

// confined finds pods that fit on none of the few nodes which are left to them, with every other pod where it is. Taints have been looked at for each pod:
// those of the control plane keep none off that tolerates them.
func confined(f Facts) []Offender {
	free := map[string]cluster.Resources{}
	for _, n := range f.Cluster.Nodes {
		n.Tainted = false
		free[n.Name] = room(n)
	}
	var out []Offender
	for _, n := range f.Cluster.Nodes {
		if !f.moves(n) {
			continue
		}
		for _, p := range n.Pods {
			if p.Only == nil || p.Stuck != "" || p.Controller == "" {
				continue
			}
			var most cluster.Resources
			var others []string
			fits := false
			for _, name := range p.Only {
				if name == n.Name {
					continue
				}
				r := free[name]
				others = append(others, name)
				if fits = r.Pods > 0 && p.Requests.Sub(r) == (cluster.Resources{}); fits {
					break
				}
				if len(others) == 1 || r.Memory > most.Memory {
					most = r
				}
			}
			if !fits {
				out = append(out, Offender{p.Namespace, p.Name, n.Name, amount(p.Requests), listed(others), amount(most)})
			}
		}
	}
	return out
}

func amount(r cluster.Resources) string {
	return fmt.Sprintf("%d.%02d CPU, %d MiB memory, %d pods", r.CPU/1000, r.CPU%1000/10, max(0, r.Memory)>>20, r.Pods)
}
