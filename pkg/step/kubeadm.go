package step

import (
	"context"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type kubeadmPlan struct {
	base
	action hostaction.KubeadmPlan
}

// Done: the plan only asks whether apply would be let through, which is answered once apply has gone through.
func (a kubeadmPlan) Done(ctx context.Context) (bool, error) {
	c, err := observe.Cluster(ctx, a.Client)
	return err == nil && plan.Applied(c, a.action.Version), err
}

func (a kubeadmPlan) Do(ctx context.Context, r Reporter) error { return a.host(ctx, r, a.action) }

type kubeadmApply struct {
	base
	action hostaction.KubeadmApply
}

func (a kubeadmApply) Done(ctx context.Context) (bool, error) {
	c, err := observe.Cluster(ctx, a.Client)
	if err != nil {
		return false, err
	}
	n, ok := c.Node(a.step.Node)
	return ok && plan.ControlPlaneAt(n, a.action.Version) && plan.Applied(c, a.action.Version), nil
}

func (a kubeadmApply) Do(ctx context.Context, r Reporter) error { return a.host(ctx, r, a.action) }

type kubeadmNode struct {
	base
	action hostaction.KubeadmNode
}

// Done: a control-plane node shows it by its static pods. On a worker the command writes nothing but the kubelet's
// configuration, which cannot be told from outside until the kubelet runs the version.
func (a kubeadmNode) Done(ctx context.Context) (bool, error) {
	c, err := observe.Cluster(ctx, a.Client)
	if err != nil {
		return false, err
	}
	n, ok := c.Node(a.step.Node)
	if !ok {
		return false, nil
	}
	if n.Role == cluster.ControlPlane {
		return plan.ControlPlaneAt(n, a.action.Version) && (!plan.AllControlPlanesAt(c, a.action.Version) || plan.AddonsAt(c, a.action.Version)), nil
	}
	return n.KubeletVersion == a.action.Version && n.Ready, nil
}

func (a kubeadmNode) Do(ctx context.Context, r Reporter) error { return a.host(ctx, r, a.action) }
