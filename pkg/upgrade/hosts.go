package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// hostsAtOnce is how many hosts are asked at the same time.
const hostsAtOnce = 20

// sendAgents puts an agent on every node and waits for them. That the cluster refuses them is a finding.
func (u *Upgrade) sendAgents(ctx context.Context, p *Prepared) error {
	u.notice("send the agent to %d nodes (%s)", len(p.Cluster.Nodes), u.opts.Agent.Image)
	names := make([]string, 0, len(p.Cluster.Nodes))
	for _, n := range p.Cluster.Nodes {
		names = append(names, n.Name)
	}
	u.deployed = true
	err := u.agents.Ensure(ctx, p.Cluster.Version)
	if err == nil {
		u.reached, err = u.agents.AwaitReady(ctx, names, u.opts.AgentTimeout)
	}
	refused, ok := errors.AsType[*agent.RefusedError](err)
	if !ok {
		return err
	}
	var fs []preflight.Finding
	for _, r := range refused.Reasons {
		fs = append(fs, preflight.Finding{ID: "agent-refused", Severity: preflight.Error, Object: "agent", Message: r,
			Fix: "let privileged pods run in namespace " + agent.Namespace + " and make the image available: --agent-image"})
	}
	return p.block(fs...)
}

// askHosts fills in the hosts of the cluster and asks each what the target means for it.
func (u *Upgrade) askHosts(ctx context.Context, p *Prepared) (map[string]preflight.HostReport, error) {
	u.notice("look at %d hosts", len(p.Cluster.Nodes))
	defer u.waiting("")
	err := u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		n.Host = &cluster.Host{}
		return u.ask(ctx, n.Name, "facts", hostaction.Facts{}, time.Minute, n.Host)
	})
	if err != nil {
		return nil, err
	}
	if p.To.IsZero() {
		if err := u.chooseTarget(ctx, p); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	reports := map[string]preflight.HostReport{}
	err = u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		r, err := u.report(ctx, p, n)
		mu.Lock()
		defer mu.Unlock()
		reports[n.Name] = r
		return err
	})
	return reports, err
}

// report asks one host about packages and images of the target. Refusals of the host are part of the report.
func (u *Upgrade) report(ctx context.Context, p *Prepared, n *cluster.Node) (preflight.HostReport, error) {
	var r preflight.HostReport
	if n.Host.PackageManager == "" || n.Host.PackageLock != nil {
		return r, nil
	}
	err := u.ask(ctx, n.Name, "resolve", hostaction.ResolvePackages{Version: p.To}, 5*time.Minute, &r.Resolution)
	if failed, ok := errors.AsType[*agent.ActionError](err); ok {
		r.ResolutionError, r.ResolutionCode = failed.Result.Error, failed.Result.Code
		return r, nil
	}
	if err != nil {
		return r, err
	}
	// kube-proxy runs everywhere: that it can be pulled tells that this node reaches a registry which has the release.
	image := repository(p.Cluster.Kubeadm) + "/kube-proxy:" + p.To.String()
	err = u.ask(ctx, n.Name, "image", hostaction.CheckImages{Images: []string{image}}, 5*time.Minute, nil)
	if failed, ok := errors.AsType[*agent.ActionError](err); ok {
		r.ImageError = failed.Result.Error
		return r, nil
	}
	return r, err
}

// repository gives where kubeadm takes images from.
func repository(k cluster.KubeadmConfig) string {
	if k.ImageRepository == "" {
		return "registry.k8s.io"
	}
	return strings.TrimSuffix(k.ImageRepository, "/")
}

// chooseTarget finds the newest version that the first control-plane node's package source offers, at most one minor ahead.
func (u *Upgrade) chooseTarget(ctx context.Context, p *Prepared) error {
	have := p.Cluster.Kubeadm.KubernetesVersion
	next := have
	next.Minor++
	controlPlanes := p.Cluster.OfRole(cluster.ControlPlane)
	if len(controlPlanes) == 0 {
		return errors.New("choose target: no control-plane node found")
	}
	err := u.ask(ctx, controlPlanes[0].Name, "offered", hostaction.OfferedVersions{Minors: []string{have.MinorString(), next.MinorString()}}, 5*time.Minute, &p.Offered)
	if err != nil {
		return err
	}
	p.To = have
	for _, versions := range p.Offered {
		for _, full := range versions {
			bare, _, _ := strings.Cut(full, "-")
			if v, err := version.Parse(bare); err == nil && p.To.Less(v) {
				p.To = v
			}
		}
	}
	return nil
}

func (u *Upgrade) ask(ctx context.Context, node, what string, a hostaction.Action, timeout time.Duration, out any) error {
	return u.agents.Do(ctx, node, "observe/"+what, a, timeout, agent.Follow{Waiting: u.waiting}, out)
}

func (u *Upgrade) eachNode(ctx context.Context, p *Prepared, f func(context.Context, *cluster.Node) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(hostsAtOnce)
	for i := range p.Cluster.Nodes {
		n := &p.Cluster.Nodes[i]
		g.Go(func() error {
			if err := f(ctx, n); err != nil {
				return fmt.Errorf("look at node %q: %w", n.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}
