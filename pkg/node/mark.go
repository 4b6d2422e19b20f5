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
	return edit(ctx, c, name, "mark", func(n *corev1.Node) map[string]any {
		if Marked(n) {
			return nil
		}
		taints := append(unmarked(n), corev1.Taint{Key: MarkTaint, Effect: corev1.TaintEffectPreferNoSchedule})
		return map[string]any{"spec": map[string]any{"taints": taints}}
	})
}

// unmarked are the taints of a node but for the mark: a merge patch replaces the list as a whole.
func unmarked(n *corev1.Node) []corev1.Taint {
	return slices.DeleteFunc(slices.Clone(n.Spec.Taints), isMark)
}
