package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// eachPod judges every pod that a drain would move.
func eachPod(in Input, judge func(p cluster.Pod, object string) []Finding) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		if !in.moves(n) {
			continue
		}
		for _, p := range n.Pods {
			out = append(out, judge(p, fmt.Sprintf("pod %s/%s on %s", p.Namespace, p.Name, node(n)))...)
		}
	}
	return out
}

// unless gives the finding unless the operator's flag allows what it is about.
func unless(flag bool, f Finding) []Finding {
	if flag {
		return nil
	}
	return []Finding{f}
}

// barePods finds those that a drain takes only when told to.
func barePods(in Input) []Finding {
	return eachPod(in, func(p cluster.Pod, object string) []Finding {
		if p.Controller != "" {
			return nil
		}
		return unless(in.Force, Finding{ID: "bare-pod", Severity: Error, Object: object,
			Message: "no controller starts it again after the drain", Fix: "allow its loss with --force, or remove it first"})
	})
}

func emptyDirs(in Input) []Finding {
	return eachPod(in, func(p cluster.Pod, object string) []Finding {
		if !p.EmptyDir {
			return nil
		}
		return unless(in.DeleteEmptyDir, Finding{ID: "emptydir-data", Severity: Error, Object: object,
			Message: "the drain deletes the data of its emptyDir volumes", Fix: "allow it with --delete-emptydir-data"})
	})
}

// twoBudgets finds pods that the eviction API always refuses.
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
func twoBudgets(in Input) []Finding {
	return eachPod(in, func(p cluster.Pod, object string) []Finding {
		if len(p.Budgets) < 2 {
			return nil
		}
		return unless(in.DisableEviction, Finding{ID: "pdb-two", Severity: Error, Object: object,
			Message: fmt.Sprintf("%d PodDisruptionBudgets select it (%s): the API server evicts no such pod", len(p.Budgets), strings.Join(p.Budgets, ", ")),
			Fix:     "leave it one of them, or let the drain delete pods with --disable-eviction"})
	})
}

// stuckPods finds those that cannot run while their node is drained. They come back with it, which is why this does not block.
func stuckPods(in Input) []Finding {
	return eachPod(in, func(p cluster.Pod, object string) []Finding {
		if p.Stuck == "" || p.Controller == "" {
			return nil
		}
		return []Finding{{ID: "pod-stuck", Severity: Warning, Object: object, Message: "it is down until its node is back: " + p.Stuck}}
	})
}

func budgets(in Input) []Finding {
	var out []Finding
	for _, b := range in.Cluster.Budgets {
		where := draining(in, b)
		if where == "" {
			continue
		}
		object := fmt.Sprintf("PDB %s/%s", b.Namespace, b.Name)
		switch {
		case b.Never:
			out = append(out, unless(in.DisableEviction, Finding{ID: "pdb-never", Severity: Error, Object: object,
				Message: fmt.Sprintf("it allows no eviction even with all of its %d pods healthy, and %s has to be drained", b.Pods, where),
				Fix:     "allow one disruption, add a replica, or let the drain delete pods with --disable-eviction"})...)
		case b.DisruptionsAllowed == 0:
			out = append(out, Finding{ID: "pdb-zero-now", Severity: Warning, Object: object,
				Message: fmt.Sprintf("it allows no eviction right now; the drain of %s will wait for it", where), Fix: "see which of its pods are not healthy"})
		}
	}
	return out
}

// draining names a node to be drained that has a pod of the budget.
func draining(in Input, b cluster.Budget) string {
	for _, n := range in.Cluster.Nodes {
		if !in.moves(n) {
			continue
		}
		for _, p := range n.Pods {
			if p.Namespace == b.Namespace && slices.Contains(p.Budgets, b.Name) {
				return node(n)
			}
		}
	}
	return ""
}

// capacity holds what each drain moves against the room on the nodes that take pods. It counts the sum, not how the pods fit,
// and so finds a cluster that is too full, not every pod that will wait.
func capacity(in Input) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		if !in.moves(n) {
			continue
		}
		var need, room cluster.Resources
		for _, p := range n.Pods {
			if p.Stuck == "" && p.Controller != "" {
				need = need.Add(p.Requests)
			}
		}
		for _, o := range in.Cluster.Nodes {
			if o.Name != n.Name && o.Ready && !o.Tainted && (!o.Unschedulable || o.CordonedByUs) {
				room = room.Add(o.Allocatable.Sub(o.Requested))
			}
		}
		if short := need.Sub(room); short != (cluster.Resources{}) {
			out = append(out, Finding{ID: "capacity", Severity: Warning, Object: node(n),
				Message: fmt.Sprintf("its pods ask for %s, the other nodes that take pods have room for %s: some will wait until it is back, and the drain with them where a PDB needs them",
					amount(need), amount(room)),
				Fix: "add a node or scale something down for the time of the upgrade"})
		}
	}
	return out
}

func amount(r cluster.Resources) string {
	return fmt.Sprintf("%d.%02d CPU, %s memory, %d pods", r.CPU/1000, r.CPU%1000/10, mib(uint64(max(0, r.Memory))), r.Pods)
}
