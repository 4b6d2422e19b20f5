package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// hostsAtOnce is how many hosts are asked at the same time.
const hostsAtOnce = 20

// sendAgents puts an agent on every node and waits for them. That the cluster refuses them is a finding.
func (u *Upgrade) sendAgents(ctx context.Context, p *Prepared) error {
	var names []string
	for _, n := range p.Cluster.Nodes {
		if u.sent(n.Name) {
			names = append(names, n.Name)
		}
	}
	u.notice("send the agent to %d nodes (%s)", len(names), u.opts.Agent.Image)
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
			Fix: "let privileged pods run in namespace " + agent.Namespace + " and make the image available: " + u.imageFlags() +
				"; if it only needs longer: --agent-timeout; to look at it: --keep-agent, and kubectl -n " + agent.Namespace + " describe pods"})
	}
	return p.block(fs...)
}

// sent tells whether a node gets an agent.
func (u *Upgrade) sent(node string) bool {
	return len(u.opts.Agent.Nodes) == 0 || slices.Contains(u.opts.Agent.Nodes, node)
}

func (u *Upgrade) imageFlags() string {
	if u.opts.Agent.EtcdMigrate != "" {
		return "--agent-image, --etcd-migrate-image"
	}
	return "--agent-image"
}

// askHosts fills in the hosts of the cluster, finds the way to the target, and asks each host what the way means for it.
func (u *Upgrade) askHosts(ctx context.Context, p *Prepared) (map[string][]preflight.HostReport, error) {
	waited, err := u.settle(ctx, p)
	if err != nil {
		return nil, err
	}
	if waited {
		if err := u.lookAgain(ctx, p, observe.ForPlan); err != nil {
			return nil, err
		}
		if err := u.judge(p, nil); err != nil {
			return nil, err
		}
	}
	defer u.waiting("")
	if err := u.findLeader(ctx, p); err != nil {
		return nil, err
	}
	if err := u.findPath(ctx, p); err != nil {
		return nil, err
	}
	stops := plan.Stops(p.Cluster, p.Path)
	var mu sync.Mutex
	reports := map[string][]preflight.HostReport{}
	err = u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		rs, err := u.reports(ctx, p, n, stops)
		mu.Lock()
		defer mu.Unlock()
		reports[n.Name] = rs
		return err
	})
	return reports, err
}

// reports asks one host about packages and images of all versions that it needs. Refusals of the host are part of a report.
func (u *Upgrade) reports(ctx context.Context, p *Prepared, n *cluster.Node, stops []plan.Stop) ([]preflight.HostReport, error) {
	if n.Host.PackageManager == "" || n.Host.PackageLock != nil {
		return nil, nil
	}
	var out []preflight.HostReport
	if p.chosen(n) {
		for _, v := range plan.Needs(*n, stops) {
			r, err := u.packages(ctx, n, v)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	r := preflight.HostReport{Version: p.To}
	err := u.images(ctx, p, n, &r)
	if len(out) == 0 {
		return []preflight.HostReport{r}, err
	}
	out[len(out)-1].ImageError, out[len(out)-1].ImageBytes = r.ImageError, r.ImageBytes
	return out, err
}

// images asks whether a host can have the images of the way.
func (u *Upgrade) images(ctx context.Context, p *Prepared, n *cluster.Node, r *preflight.HostReport) error {
	if u.bundles.images != nil {
		return u.bundledImages(ctx, p, n, r)
	}
	from := repository(p.Cluster.Kubeadm)
	if u.bundles.registry != nil {
		from = strings.TrimSuffix(u.bundles.registry.Location, "/")
	}
	// kube-proxy runs everywhere and is replaced at every version of the way: that it can be pulled tells that this node
	// reaches a registry which has the release.
	var images []string
	for _, v := range p.Path {
		images = append(images, from+"/kube-proxy:"+v.String())
	}
	err := u.ask(ctx, n.Name, "images", hostaction.CheckImages{Images: images}, 5*time.Minute, nil)
	if failed, ok := errors.AsType[*agent.ActionError](err); ok {
		r.ImageError, err = failed.Result.Error, nil
	}
	return err
}

func (u *Upgrade) packages(ctx context.Context, n *cluster.Node, v version.Version) (preflight.HostReport, error) {
	r := preflight.HostReport{Version: v}
	err := u.ask(ctx, n.Name, "resolve/"+v.String(), hostaction.ResolvePackages{Version: v, Bundle: u.bundles.packages.digest()}, 5*time.Minute, &r.Resolution)
	if failed, ok := errors.AsType[*agent.ActionError](err); ok {
		r.ResolutionError, r.ResolutionCode = failed.Result.Error, failed.Result.Code
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

// findLeader asks a control-plane node who leads etcd. Not to know costs nothing but a better order of nodes.
func (u *Upgrade) findLeader(ctx context.Context, p *Prepared) error {
	for _, n := range p.Cluster.OfRole(cluster.ControlPlane) {
		if _, ok := n.Component("etcd"); !ok {
			continue
		}
		var h hostaction.Health
		if err := u.ask(ctx, n.Name, "health", hostaction.ControlPlaneHealth{}, time.Minute, &h); err != nil {
			return err
		}
		for _, m := range h.Members {
			if m.Leader {
				p.Cluster.Leaders.Etcd = m.Name
			}
		}
		return nil
	}
	return nil
}

// refusal gives the words of a host that was asked and said no; ok is false when it was not asked.
func refusal(err error) (why string, ok bool) {
	failed, ok := errors.AsType[*agent.ActionError](err)
	if !ok {
		return "", false
	}
	return failed.Result.Error, true
}

func (u *Upgrade) ask(ctx context.Context, node, what string, a hostaction.Action, timeout time.Duration, out any) error {
	return u.agents.Do(ctx, node, "observe/"+what, a, timeout, agent.Follow{Waiting: u.waiting}, out)
}

// eachNode does something to every node that has an agent.
func (u *Upgrade) eachNode(ctx context.Context, p *Prepared, f func(context.Context, *cluster.Node) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(hostsAtOnce)
	for i := range p.Cluster.Nodes {
		n := &p.Cluster.Nodes[i]
		if !u.sent(n.Name) {
			continue
		}
		g.Go(func() error {
			err := f(ctx, n)
			if _, named := errors.AsType[*agent.ActionError](err); named || err == nil {
				return err
			}
			return fmt.Errorf("look at node %q: %w", n.Name, err)
		})
	}
	return g.Wait()
}
