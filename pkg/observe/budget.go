package observe

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// budget is a PodDisruptionBudget with the selector that finds its pods.
type budget struct {
	cluster.Budget
	selector labels.Selector
}

func (b budget) matches(p corev1.Pod) bool {
	return b.Namespace == p.Namespace && b.selector.Matches(labels.Set(p.Labels))
}

// budgets reads every PodDisruptionBudget.
func budgets(ctx context.Context, c *kube.Client) ([]budget, error) {
	list, err := kube.Budgets(ctx, c, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	out := make([]budget, 0, len(list))
	for _, p := range list {
		selector, err := metav1.LabelSelectorAsSelector(p.Spec.Selector)
		if err != nil {
			return nil, fmt.Errorf("read selector of PodDisruptionBudget %s/%s: %w", p.Namespace, p.Name, err)
		}
		s := p.Status
		out = append(out, budget{selector: selector, Budget: cluster.Budget{
			Namespace: p.Namespace, Name: p.Name,
			DisruptionsAllowed: int(s.DisruptionsAllowed), Pods: int(s.ExpectedPods),
			Never: s.ExpectedPods > 0 && s.DesiredHealthy >= s.ExpectedPods,
		}})
	}
	return out, nil
}
