package step

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type cordon struct {
	base
	params plan.CordonParams
}

func (a cordon) Done(ctx context.Context) (bool, error) {
	n, err := a.Client.CoreV1().Nodes().Get(ctx, a.step.Node, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get node %q: %w", a.step.Node, err)
	}
	if n.Spec.Unschedulable && nodes.CordonedByUs(n) {
		return true, nil
	}
	return a.runs(ctx, a.params.Version)
}

func (a cordon) Do(ctx context.Context, r Reporter) error {
	ours, err := nodes.Cordon(ctx, a.Client, a.step.Node)
	if err == nil && !ours {
		r.Log("node was cordoned already by somebody else: it stays cordoned")
	}
	return err
}

type drain struct {
	base
	params plan.DrainParams
}

func (a drain) Done(ctx context.Context) (bool, error) { return a.runs(ctx, a.params.Version) }

// Do gives the node back when the drain cannot be finished: nothing was changed on it yet, and its capacity is wanted. When it is called
// again after that, the node takes pods again, and has to be cordoned anew.
func (a drain) Do(ctx context.Context, r Reporter) error {
	if done, err := a.Done(ctx); err != nil || done {
		return err
	}
	ours, err := nodes.Cordon(ctx, a.Client, a.step.Node)
	if err != nil {
		return err
	}
	err = nodes.Drain(ctx, a.Client, a.step.Node, nodes.DrainOptions{
		DeleteEmptyDir:     a.params.DeleteEmptyDir,
		Force:              a.params.Force,
		DisableEviction:    a.params.DisableEviction,
		GracePeriodSeconds: a.params.GracePeriodSeconds,
		Timeout:            time.Duration(a.step.Timeout),
		Waiting:            r.Waiting,
		Log:                r.Log,
	})
	if err == nil {
		return nil
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if undo := nodes.Uncordon(back, a.Client, a.step.Node); undo != nil {
		return fmt.Errorf("%w (the node is still cordoned: %w: kubectl uncordon %s)", err, undo, a.step.Node)
	}
	if !ours {
		return fmt.Errorf("%w (the node stays cordoned, as it was before)", err)
	}
	return fmt.Errorf("%w (the node is uncordoned again)", err)
}

type uncordon struct{ base }

func (a uncordon) Done(ctx context.Context) (bool, error) {
	n, err := a.Client.CoreV1().Nodes().Get(ctx, a.step.Node, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get node %q: %w", a.step.Node, err)
	}
	return !nodes.CordonedByUs(n) && !nodes.Marked(n), nil
}

func (a uncordon) Do(ctx context.Context, _ Reporter) error {
	return nodes.Release(ctx, a.Client, a.step.Node)
}
