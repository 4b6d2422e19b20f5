package etcd

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
)

// guard refuses to take a member away when the others cannot go on without it. Two or one never can: of two, the other has to be healthy all the same.
func guard(ctx context.Context, c *ask.Client, all *ask.Cluster, name string) error {
	self, ok := all.Find(name)
	if !ok {
		return fmt.Errorf("take etcd member %s away: the cluster has no such member", name)
	}
	voters, others := all.Voters(), 0
	problems := make([]string, len(all.Members))
	var g errgroup.Group
	for i, m := range all.Members {
		if m.RaftID == self.RaftID || m.Learner {
			continue
		}
		others++
		g.Go(func() error {
			if problems[i] = m.Error; m.Error == "" {
				if err := c.Health(ctx, m.Endpoint); err != nil {
					problems[i] = err.Error()
				}
			}
			if problems[i] != "" {
				problems[i] = m.Name + ": " + problems[i]
			}
			return nil
		})
	}
	_ = g.Wait()
	var bad []string
	for _, p := range problems {
		if p != "" {
			bad = append(bad, p)
		}
	}
	need := voters/2 + 1
	if voters <= 2 {
		need = others
	}
	if healthy := others - len(bad); healthy < need {
		return fmt.Errorf("take etcd member %s away: %d of the other %d members are healthy, and %d have to be: %s", name, healthy, others, need, strings.Join(bad, "; "))
	}
	return nil
}
