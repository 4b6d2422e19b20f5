package upgrade

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// settleInterval is how often hosts are asked whether an action still runs.
const settleInterval = 2 * time.Second

// settle looks at the hosts. As long as one of them runs an action of a dead run it waits and looks again: a kubeadm that is cut short
// leaves more undone than one that ends, and a second one beside it would get in its way.
func (u *Upgrade) settle(ctx context.Context, p *Prepared) (waited bool, err error) {
	count := 0
	for _, n := range p.Cluster.Nodes {
		if u.sent(n.Name) {
			count++
		}
	}
	u.notice("look at %d hosts", count)
	defer u.waiting("")
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		if err := u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
			n.Host = &cluster.Host{}
			return u.ask(ctx, n.Name, "facts", hostaction.Facts{}, time.Minute, n.Host)
		}); err != nil {
			return waited, err
		}
		var running []string
		for _, n := range p.Cluster.Nodes {
			if n.Host == nil {
				continue
			}
			for _, id := range n.Host.Running {
				running = append(running, fmt.Sprintf("%s on node %q", id, n.Name))
			}
		}
		if len(running) == 0 {
			return waited, nil
		}
		waited = true
		u.waiting("what still runs to end: " + strings.Join(running, ", "))
		select {
		case <-ctx.Done():
			return waited, fmt.Errorf("wait for %s: %w", running[0], context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// lookAgain replaces what the API server said before by what it says now, and keeps what the hosts have just said.
func (u *Upgrade) lookAgain(ctx context.Context, p *Prepared, look func(context.Context, *kube.Client) (*cluster.Cluster, error)) error {
	before := p.Cluster
	now, err := look(ctx, u.client)
	if err != nil {
		return err
	}
	p.Cluster = now
	p.Cluster.Survey = before.Survey
	for i := range p.Cluster.Nodes {
		n := &p.Cluster.Nodes[i]
		if was, ok := before.Node(n.Name); ok {
			n.Host = was.Host
		}
	}
	return nil
}
