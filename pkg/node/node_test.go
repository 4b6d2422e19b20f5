package node

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestRelease wants one write for all that is ours, and none of what is not: whoever is killed between two leaves a node half released.
func TestRelease(t *testing.T) {
	theirs := corev1.Taint{Key: "shop.example/batch", Effect: corev1.TaintEffectNoSchedule}
	mark := corev1.Taint{Key: MarkTaint, Effect: corev1.TaintEffectPreferNoSchedule}
	ours := map[string]string{CordonAnnotation: "by kubectl-upgrade", "shop.example/rack": "7"}
	for name, c := range map[string]struct {
		before corev1.Node
		writes int
		closed bool
	}{
		"cordoned and marked":        {corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: ours}, Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{theirs, mark}}}, 1, false},
		"cordoned":                   {corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: ours}, Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{theirs}}}, 1, false},
		"marked, cordoned by others": {corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{theirs, mark}}}, 1, true},
		"cordoned by others":         {corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{theirs}}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.before.Name = "w-1"
			client := fake.NewClientset(&c.before)
			for range 2 { // the second time there is nothing to do
				if err := Release(t.Context(), client, "w-1"); err != nil {
					t.Fatal(err)
				}
			}
			writes := 0
			for _, a := range client.Actions() {
				if a.GetVerb() == "patch" {
					writes++
				}
			}
			n, err := client.CoreV1().Nodes().Get(t.Context(), "w-1", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if writes != c.writes || n.Spec.Unschedulable != c.closed || CordonedByUs(n) || !slices.Equal(n.Spec.Taints, []corev1.Taint{theirs}) {
				t.Errorf("after %d writes: unschedulable %t, annotations %v, taints %v", writes, n.Spec.Unschedulable, n.Annotations, n.Spec.Taints)
			}
		})
	}
}
