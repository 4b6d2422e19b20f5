package step

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

type restartKubelet struct {
	base
	action hostaction.RestartKubelet
}

func (a restartKubelet) Done(ctx context.Context) (bool, error) {
	return a.runs(ctx, a.action.Version)
}

func (a restartKubelet) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}

type restoreKubeletConfig struct {
	base
	action hostaction.RestoreKubeletConfig
}

// Done: a kubelet that runs the version was started after its configuration was put back.
func (a restoreKubeletConfig) Done(ctx context.Context) (bool, error) {
	return a.runs(ctx, a.action.Version)
}

func (a restoreKubeletConfig) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}

// runs tells whether the step's node is Ready with its kubelet at the version.
func (b base) runs(ctx context.Context, v version.Version) (bool, error) {
	n, err := b.Client.CoreV1().Nodes().Get(ctx, b.step.Node, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get node %q: %w", b.step.Node, err)
	}
	ready, _ := nodes.Ready(n)
	return ready && n.Status.NodeInfo.KubeletVersion == v.String(), nil
}
