package upgrade

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// chooseWorkers asks the API server which workers the selector means. A selector that means none is a finding: a typing error
// would otherwise look like a finished upgrade.
func (u *Upgrade) chooseWorkers(ctx context.Context, p *Prepared) error {
	if u.opts.Selector == "" {
		return nil
	}
	list, err := u.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: u.opts.Selector})
	if err != nil {
		return fmt.Errorf("list nodes with selector %q: %w", u.opts.Selector, err)
	}
	p.Workers = []string{}
	for _, n := range list.Items {
		if known, ok := p.Cluster.Node(n.Name); ok && known.Role == cluster.Worker {
			p.Workers = append(p.Workers, n.Name)
		}
	}
	slices.Sort(p.Workers)
	if len(p.Workers) == 0 {
		return p.block(preflight.Finding{ID: "selector", Severity: preflight.Error, Object: "--selector " + u.opts.Selector,
			Message: "no worker has these labels", Fix: "see: kubectl get nodes --show-labels"})
	}
	return nil
}

func (p *Prepared) chosen(n *cluster.Node) bool {
	return n.Role == cluster.ControlPlane || p.Workers == nil || slices.Contains(p.Workers, n.Name)
}

// maxUnavailable turns a percentage of the workers into a number, rounded down, but never below one.
func (u *Upgrade) maxUnavailable(p *Prepared) (int, error) {
	n, err := intstr.GetScaledValueFromIntOrPercent(&u.opts.MaxUnavailable, len(p.Cluster.OfRole(cluster.Worker)), false)
	if err != nil {
		return 0, fmt.Errorf("--max-unavailable: %w", err)
	}
	return max(1, n), nil
}
