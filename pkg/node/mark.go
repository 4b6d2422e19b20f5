package node

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
)

// MarkTaint is on nodes that are still to be drained: evicted pods should rather go where they can stay.
const MarkTaint = "kubectl-upgrade.io/to-be-drained"

// Marked tells whether a node has the taint.
func Marked(n *corev1.Node) bool { return slices.ContainsFunc(n.Spec.Taints, isMark) }

func isMark(t corev1.Taint) bool { return t.Key == MarkTaint }

// Mark makes the scheduler prefer other nodes. A node that is marked already is left as it is.
func Mark(ctx context.Context, c kubernetes.Interface, name string) error {
	return taint(ctx, c, name, "mark", true)
}

// Unmark takes the mark away. A node without it is left as it is.
func Unmark(ctx context.Context, c kubernetes.Interface, name string) error {
	return taint(ctx, c, name, "unmark", false)
}

// taint replaces the list of taints as a whole: a merge patch knows no other way.
func taint(ctx context.Context, c kubernetes.Interface, name, verb string, want bool) error {
	return edit(ctx, c, name, verb, func(n *corev1.Node) map[string]any {
		if Marked(n) == want {
			return nil
		}
		taints := slices.DeleteFunc(slices.Clone(n.Spec.Taints), isMark)
		if want {
			taints = append(taints, corev1.Taint{Key: MarkTaint, Effect: corev1.TaintEffectPreferNoSchedule})
		}
		return map[string]any{"spec": map[string]any{"taints": taints}}
	})
}
