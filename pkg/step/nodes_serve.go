package step

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type nodesServe struct {
	base
	params plan.ServingParams
}

func (nodesServe) Done(context.Context) (bool, error) { return false, nil }

// Do waits for what the API server shows, and then looks at the hosts of the nodes that were touched.
func (a nodesServe) Do(ctx context.Context, r Reporter) error {
	tick := time.NewTicker(gateInterval)
	defer tick.Stop()
	for {
		wrong, err := a.cluster(ctx)
		if err == nil && len(wrong) == 0 {
			break
		}
		if err != nil {
			wrong = []string{err.Error()}
		}
		r.Waiting(wrong[0])
		select {
		case <-ctx.Done():
			return fmt.Errorf("verify nodes: %s: %w", strings.Join(wrong, "; "), context.Cause(ctx))
		case <-tick.C:
		}
	}
	r.Waiting("")
	return a.hosts(ctx)
}

// cluster says what the API server shows to be not as it has to be.
func (a nodesServe) cluster(ctx context.Context) ([]string, error) {
	c, err := observe.Cluster(ctx, a.Client)
	if err != nil {
		return nil, err
	}
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, n := range c.Nodes {
		want, touched := a.params.Nodes[n.Name]
		switch {
		case n.Marked:
			say("taint %s of node %q to be gone", nodes.MarkTaint, n.Name)
		case n.CordonedByUs:
			say("node %q to be uncordoned", n.Name)
		case touched && !n.Ready:
			say("node %q to be Ready (%s)", n.Name, n.NotReadyCause)
		case touched && n.KubeletVersion != want.Kubelet:
			say("kubelet of node %q to be at %s (now %s)", n.Name, want.Kubelet, n.KubeletVersion)
		}
	}
	return wrong, nil
}

// hosts compares the holds with those that were found.
func (a nodesServe) hosts(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(a.params.Nodes))
	found, err := a.packagesOf(ctx, names)
	if err != nil {
		return err
	}
	var wrong []string
	for i, node := range names {
		for _, p := range found[i].Packages {
			if want := slices.Contains(a.params.Nodes[node].Held, p.Name); p.Held != want {
				wrong = append(wrong, fmt.Sprintf("node %q: hold of %s is %t instead of %t", node, p.Name, p.Held, want))
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("verify hosts: %s", strings.Join(wrong, "; "))
	}
	return nil
}
