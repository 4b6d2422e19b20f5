package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// Check judges the cluster by what the API server tells. It sends no agent and takes no lock, and so changes nothing at all.
func (u *Upgrade) Check(ctx context.Context) (*Prepared, error) { return u.patiently(ctx, u.check) }

// CheckHosts asks the hosts as well. Unlike an upgrade it does so whatever is in the way already: everything is wanted at once.
func (u *Upgrade) CheckHosts(ctx context.Context) (*Prepared, error) {
	return u.patiently(ctx, u.checkHosts)
}

func (u *Upgrade) check(ctx context.Context) (*Prepared, error) {
	p, err := u.lookForCheck(ctx, false)
	if err != nil {
		return p, err
	}
	return p, u.judge(p, nil)
}

func (u *Upgrade) checkHosts(ctx context.Context) (*Prepared, error) {
	p, err := u.lookForCheck(ctx, true)
	if err != nil {
		return p, err
	}
	if err := u.takeLock(ctx, p, "check for "+p.To.String()); err != nil {
		return nil, err
	}
	// Of a node that does not answer nothing is to be had but that it does not.
	u.opts.Agent.Nodes = nil // this may be another try
	for _, n := range p.Cluster.Nodes {
		if n.Ready {
			u.opts.Agent.Nodes = append(u.opts.Agent.Nodes, n.Name)
		}
	}
	if err := u.sendAgents(ctx, p); err != nil {
		return p, err
	}
	reports, err := u.askHosts(ctx, p)
	blocked, ok := errors.AsType[*BlockedError](err)
	if err != nil && !ok {
		return nil, err
	}
	if err := u.checkEtcd(ctx, p); err != nil {
		return nil, err
	}
	err = u.judge(p, reports)
	if !ok {
		return p, err
	}
	// That there is no way to the target is a finding as any other.
	for _, f := range blocked.Findings {
		if !slices.ContainsFunc(p.Findings, func(o preflight.Finding) bool { return o.ID == f.ID && o.Object == f.Object }) {
			p.Findings = append(p.Findings, f)
		}
	}
	return p, &BlockedError{Findings: p.Findings}
}

// checkEtcd asks the hosts that have to do with etcd how it is. One that cannot tell is told of as not looked at: an upgrade does not depend on it.
func (u *Upgrade) checkEtcd(ctx context.Context, p *Prepared) error {
	nodes := observe.EtcdNodes(p.Cluster)
	_, err := u.askEtcdOn(ctx, p, func(node string) bool { return slices.Contains(nodes, node) })
	if why, ok := refusal(err); ok {
		p.Cluster.Survey.Unread = append(p.Cluster.Survey.Unread, cluster.Unread{What: "the health of etcd", Cause: why})
		return nil
	}
	if err == nil && len(p.Cluster.Etcd.Members) == 0 {
		for _, v := range p.Cluster.Etcd.Views {
			p.Cluster.Survey.Unread = append(p.Cluster.Survey.Unread, cluster.Unread{What: fmt.Sprintf("the health of etcd, from node %q", v.Node), Cause: v.Error})
		}
	}
	return err
}

func (u *Upgrade) lookForCheck(ctx context.Context, hosts bool) (*Prepared, error) {
	p := &Prepared{To: u.opts.To}
	if blocked, err := u.lacking(ctx, p, RightsToCheck(hosts)); err != nil || blocked != nil {
		return p, errors.Join(err, orNil(blocked))
	}
	u.notice("observe cluster %s", u.client.Config.Host)
	if err := u.observe(ctx, p, observe.ForPlan); err != nil {
		return p, err
	}
	if err := u.chooseWorkers(ctx, p); err != nil {
		return p, err
	}
	return p, u.survey(ctx, p)
}

// survey looks at what a release up to the target may break, or one of those that may become the target.
func (u *Upgrade) survey(ctx context.Context, p *Prepared) error {
	u.notice("look for what a release may break")
	upTo := p.To
	if upTo.IsZero() {
		upTo = p.Cluster.Kubeadm.KubernetesVersion
		upTo.Minor += minorsAhead
	}
	if err := observe.Survey(ctx, u.client, p.Cluster, upTo); err != nil {
		return err
	}
	p.Cluster.Survey.Kubectl = observe.Kubectl(ctx)
	return nil
}
