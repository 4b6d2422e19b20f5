package step

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type verify struct {
	base
	params plan.VerifyParams
}

func (a verify) Done(context.Context) (bool, error) { return false, nil }

// Do waits for what takes its time, such as the roll-out of add-ons, and then looks at every host.
func (a verify) Do(ctx context.Context, r Reporter) error {
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
			return fmt.Errorf("verify cluster: %s: %w", strings.Join(wrong, "; "), context.Cause(ctx))
		case <-tick.C:
		}
	}
	r.Waiting("")
	return a.hosts(ctx)
}

// cluster says what the API server shows to be not as it has to be.
func (a verify) cluster(ctx context.Context) ([]string, error) {
	c, err := observe.Cluster(ctx, a.Client)
	if err != nil {
		return nil, err
	}
	to := a.params.Version
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if c.Kubeadm.KubernetesVersion != to {
		say("ConfigMap kube-system/kubeadm-config to say %s (now %s)", to, c.Kubeadm.KubernetesVersion)
	}
	for _, n := range c.Nodes {
		if slices.Contains(a.params.Left, n.Name) {
			continue
		}
		switch {
		case n.Marked:
			say("taint %s of node %q to be gone", nodes.MarkTaint, n.Name)
		case !n.Ready:
			say("node %q to be Ready (%s)", n.Name, n.NotReadyCause)
		case n.KubeletVersion != to:
			say("kubelet of node %q to be at %s (now %s)", n.Name, to, n.KubeletVersion)
		case n.CordonedByUs:
			say("node %q to be uncordoned", n.Name)
		case n.Role == cluster.ControlPlane && !plan.ControlPlaneAt(n, to):
			say("static pods of node %q to be at %s", n.Name, to)
		}
		for _, s := range n.StaticPods {
			if !s.Ready {
				say("static pod %s-%s to be Ready", s.Component, n.Name)
			}
		}
	}
	for _, ad := range c.Addons {
		if !ad.Ready {
			say("add-on %s to be rolled out (%s)", ad.Name, ad.Image)
		}
	}
	if !plan.AddonsAt(c, to) && len(wrong) == 0 {
		say("add-on kube-proxy to be at %s", to)
	}
	return wrong, nil
}

// hosts compares packages and holds with what the plan promised.
func (a verify) hosts(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(a.params.Packages))
	found, err := a.packagesOf(ctx, names)
	if err != nil {
		return err
	}
	var wrong []string
	for i, node := range names {
		h := found[i]
		for name, v := range a.params.Packages[node] {
			if p, _ := h.Package(name); p.Version != v {
				wrong = append(wrong, fmt.Sprintf("node %q has %s %q instead of %s", node, name, p.Version, v))
			}
		}
		for _, p := range h.Packages {
			if want := slices.Contains(a.params.Held[node], p.Name); p.Held != want {
				wrong = append(wrong, fmt.Sprintf("node %q: hold of %s is %t instead of %t", node, p.Name, p.Held, want))
			}
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("verify hosts: %s", strings.Join(wrong, "; "))
	}
	return nil
}
