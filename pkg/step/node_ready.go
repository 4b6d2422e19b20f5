package step

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type nodeReady struct {
	base
	params plan.NodeReadyParams
}

// Done is always found out by the gate itself, which is cheap and must hold for a while.
func (a nodeReady) Done(context.Context) (bool, error) { return false, nil }

func (a nodeReady) Do(ctx context.Context, r Reporter) error {
	staticPods := false
	if a.params.Stable > 0 {
		c, err := observe.Cluster(ctx, a.Client)
		if err != nil {
			return err
		}
		n, _ := c.Node(a.step.Node)
		staticPods = len(n.StaticPods) > 0
	}
	var last func(context.Context) string
	if staticPods {
		last = a.controlPlane
	}
	return hold(ctx, r, time.Duration(a.params.Stable), func(ctx context.Context) (missing, mark string) {
		node, err := a.Client.CoreV1().Nodes().Get(ctx, a.step.Node, metav1.GetOptions{})
		if err != nil {
			return "API server: " + err.Error(), ""
		}
		if have := node.Status.NodeInfo.KubeletVersion; have != a.params.Version.String() {
			return fmt.Sprintf("kubelet of node %q to report %s (now %s)", a.step.Node, a.params.Version, have), ""
		}
		if ok, cause := nodes.Ready(node); !ok {
			return fmt.Sprintf("node %q to be Ready (%s)", a.step.Node, cause), ""
		}
		if !staticPods {
			return "", ""
		}
		missing, mark = a.staticPods(ctx, func(string, string) string { return "" })
		return a.running(ctx, missing, mark)
	}, last)
}
