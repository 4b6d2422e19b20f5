package step

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type mark struct {
	base
	params plan.MarkParams
}

func (a mark) Done(ctx context.Context) (bool, error) {
	list, err := a.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range list.Items {
		if slices.Contains(a.params.Nodes, n.Name) && !nodes.Marked(&n) {
			return false, nil
		}
	}
	return true, nil
}

func (a mark) Do(ctx context.Context, _ Reporter) error {
	for _, n := range a.params.Nodes {
		if err := nodes.Mark(ctx, a.Client, n); err != nil {
			return err
		}
	}
	return nil
}
