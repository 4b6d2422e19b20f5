package kube

import (
	"context"
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Budgets lists the PodDisruptionBudgets of a namespace, or of all. policy/v1 came with 1.21, and v1beta1 went with 1.25.
func Budgets(ctx context.Context, c kubernetes.Interface, namespace string) ([]policyv1.PodDisruptionBudget, error) {
	list, err := c.PolicyV1().PodDisruptionBudgets(namespace).List(ctx, metav1.ListOptions{})
	if err == nil {
		return list.Items, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("list PodDisruptionBudgets: %w", err)
	}
	old, err := c.PolicyV1beta1().PodDisruptionBudgets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list PodDisruptionBudgets of policy/v1beta1: %w", err)
	}
	out := make([]policyv1.PodDisruptionBudget, 0, len(old.Items))
	for _, b := range old.Items {
		out = append(out, budgetOf(b))
	}
	return out, nil
}

// budgetOf turns an old budget into one of policy/v1.
func budgetOf(b policyv1beta1.PodDisruptionBudget) policyv1.PodDisruptionBudget {
	selector := b.Spec.Selector
	if selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		selector = nil // an empty one selects no pod in v1beta1, and every pod in v1
	}
	return policyv1.PodDisruptionBudget{ObjectMeta: b.ObjectMeta,
		Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: b.Spec.MinAvailable, MaxUnavailable: b.Spec.MaxUnavailable, Selector: selector},
		Status: policyv1.PodDisruptionBudgetStatus{ObservedGeneration: b.Status.ObservedGeneration, DisruptionsAllowed: b.Status.DisruptionsAllowed,
			CurrentHealthy: b.Status.CurrentHealthy, DesiredHealthy: b.Status.DesiredHealthy, ExpectedPods: b.Status.ExpectedPods}}
}
