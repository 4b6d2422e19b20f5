package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// PrepareAbort takes the lock from whoever is dead, lets finish what still runs on the hosts, looks at everything and plans how to give
// the upgrade up. Back are nodes whose kubelets are to go back. Nothing is changed but for the agent, which Close takes away again.
func (u *Upgrade) PrepareAbort(ctx context.Context, back []string) (*Prepared, error) {
	return u.patiently(ctx, func(ctx context.Context) (*Prepared, error) { return u.prepareAbort(ctx, back) })
}

func (u *Upgrade) prepareAbort(ctx context.Context, back []string) (*Prepared, error) {
	p := &Prepared{}
	if blocked, err := u.rights(ctx, p); err != nil || blocked != nil {
		return p, errors.Join(err, orNil(blocked))
	}
	u.notice("observe cluster %s", u.client.Config.Host)
	var err error
	if p.Unfinished, err = record.Read(ctx, u.client); err != nil {
		return nil, err
	}
	if err := u.observe(ctx, p, observe.Cluster); err != nil {
		return p, err
	}
	for _, name := range back {
		if err := p.hasNode(name); err != nil {
			return p, err
		}
	}
	purpose := "take nodes back"
	if p.Unfinished != nil {
		p.To = p.Unfinished.To
		purpose = "give up the upgrade to " + p.To.String()
		if p.Unfinished.Of() == plan.EtcdKind {
			return u.prepareAbortEtcd(ctx, p, back)
		}
	}
	if err := u.takeLock(ctx, p, purpose); err != nil {
		if _, ok := errors.AsType[*record.HeldError](err); ok {
			return nil, fmt.Errorf("give up the upgrade: end the run that is at work with Ctrl-C first: %w", err)
		}
		return nil, err
	}
	if err := u.sendAgents(ctx, p); err != nil {
		return p, err
	}
	if err := u.bringBundles(ctx, p); err != nil {
		return p, err
	}
	if _, err := u.settle(ctx, p); err != nil {
		return nil, err
	}
	if err := u.lookAgain(ctx, p, observe.Cluster); err != nil {
		return nil, err
	}
	return p, u.planAbort(ctx, p, back)
}

// prepareAbortEtcd is for an upgrade of etcd.
func (u *Upgrade) prepareAbortEtcd(ctx context.Context, p *Prepared, back []string) (*Prepared, error) {
	if len(back) > 0 {
		return p, p.block(preflight.Finding{ID: "rollback", Severity: preflight.Error, Object: "--rollback-node",
			Message: "what was cut short is an upgrade of etcd, which has moved no kubelet", Fix: "leave the flag out"})
	}
	u.opts.Agent.Nodes = observe.EtcdNodes(p.Cluster)
	if err := u.takeLock(ctx, p, "give up the upgrade of etcd to "+p.To.Bare()); err != nil {
		if _, ok := errors.AsType[*record.HeldError](err); ok {
			return nil, fmt.Errorf("give up the upgrade of etcd: end the run that is at work with Ctrl-C first: %w", err)
		}
		return nil, err
	}
	if err := u.sendAgents(ctx, p); err != nil {
		return p, err
	}
	if _, err := u.settle(ctx, p); err != nil {
		return nil, err
	}
	if _, err := u.askEtcd(ctx, p); err != nil {
		return nil, err
	}
	var err error
	p.Plan, err = plan.AbortEtcd(plan.AbortEtcdInput{Cluster: p.Cluster, From: p.Unfinished.From, To: p.To, Begun: p.Unfinished.Plan})
	return p, err
}

// observe fills in the cluster, as look finds it. That it is none of kubeadm's is a finding.
func (u *Upgrade) observe(ctx context.Context, p *Prepared, look func(context.Context, *kube.Client) (*cluster.Cluster, error)) error {
	c, err := look(ctx, u.client)
	if errors.Is(err, observe.ErrNotKubeadm) {
		return p.block(preflight.Finding{ID: "not-kubeadm", Severity: preflight.Error, Message: err.Error(),
			Fix: "see that this is the right context; a cluster that kubeadm did not build is upgraded by what built it"})
	}
	if err == nil {
		p.Cluster = c
	}
	return err
}

// planAbort asks the hosts of nodes that go back for the packages of before. What cannot go back is a finding.
func (u *Upgrade) planAbort(ctx context.Context, p *Prepared, back []string) error {
	in := plan.AbortInput{Cluster: p.Cluster, Options: u.opts.Plan, Packages: plan.Packages{}}
	in.Options.PackagesFrom, _ = u.bundles.origins()
	path := []version.Version{p.Cluster.Kubeadm.KubernetesVersion}
	if r := p.Unfinished; r != nil {
		in.Recorded, in.From, in.To = true, r.From, r.To
		path = append(path, r.To)
		if r.Plan != nil {
			path = append(path, r.Plan.Path...)
			var err error
			in.Begun = r.Plan
			if in.Configs, err = observe.Configs(ctx, u.client, documents(r.Plan.TakenOut)); err != nil {
				return err
			}
		}
	}
	for _, name := range back {
		refuse := func(err error, fix string) {
			p.Findings = append(p.Findings, preflight.Finding{ID: "rollback", Severity: preflight.Error, Object: fmt.Sprintf("node %q", name),
				Message: "it cannot go back: " + err.Error(), Fix: fix})
		}
		r, err := plan.FindRollback(p.Cluster, name, path)
		if err != nil {
			refuse(err, "leave it out of --rollback-node")
			continue
		}
		n, _ := p.Cluster.Node(name)
		report, err := u.packages(ctx, &n, r.To)
		if err != nil {
			return err
		}
		if report.ResolutionError != "" {
			refuse(errors.New(report.ResolutionError), "make packages of "+r.To.String()+" available to the node, or leave it out of --rollback-node")
			continue
		}
		in.Back = append(in.Back, r)
		in.Packages[name] = map[version.Version]hostaction.Resolution{r.To: report.Resolution}
	}
	if preflight.Blocked(p.Findings) {
		return p.block()
	}
	var err error
	p.Plan, err = plan.Abort(in)
	return err
}

// documents are those that something was taken out of, each once.
func documents(all []plan.TakenOut) []cluster.Config {
	var out []cluster.Config
	for _, t := range all {
		if c := (cluster.Config{ConfigMap: t.ConfigMap, Key: t.Key}); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// Abort executes the plan of PrepareAbort. Once all of it is done, the record goes; until then it stays, and the same command goes on.
func (u *Upgrade) Abort(ctx context.Context, p *Prepared, sink event.Sink, stop <-chan struct{}) (engine.Outcome, error) {
	now := time.Now().UTC()
	logs, err := record.OpenLogs(p.Plan.Cluster.UID, now.Format("20060102T150405Z")+"-abort")
	if err != nil {
		return engine.Outcome{}, err
	}
	defer logs.Close()
	u.notice("the output of host commands is kept in %s", logs.Dir())
	sinks := []event.Sink{sink, keep(logs, u.warn)}
	var journal *record.Journal
	if r := p.Unfinished; r != nil {
		run := *r
		run.Started, run.Updated, run.Holder, run.Command = now, now, record.Me(), u.opts.Command
		run.Plan, run.Digest, run.Steps, run.Journal, run.State, run.Error = p.Plan, p.Plan.Digest, nil, nil, record.Running, ""
		if journal, err = logs.Begin(run, u.warn); err != nil {
			return engine.Outcome{}, err
		}
		sinks = append(sinks, journal)
	}
	out := u.walk(ctx, p.Plan, "abort", event.Tee(sinks...), stop)
	if out.Err == nil && !out.Stopped {
		err = u.lock.Remove(ctx)
	}
	if journal != nil {
		state, why := ending(out)
		if state == record.Done {
			state = record.GivenUp
		}
		journal.Finish(state, errors.Join(why, err))
	}
	return out, err
}

// Movable names the nodes whose kubelets could go back now.
func Movable(c *cluster.Cluster) []string {
	var out []string
	for _, n := range c.Nodes {
		if _, err := plan.FindRollback(c, n.Name, []version.Version{c.Kubeadm.KubernetesVersion}); err == nil && n.KubeletVersion == c.Kubeadm.KubernetesVersion {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}
