package upgrade

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// EtcdStatus looks at etcd and judges it as it is. Nothing is planned.
func (u *Upgrade) EtcdStatus(ctx context.Context) (*Prepared, error) {
	p := &Prepared{}
	if err := u.lookOnly(ctx, p, "look at etcd"); err != nil {
		return p, err
	}
	if err := u.judgeEtcd(p, etcdJudgement{}); err != nil {
		// What stands in the way of an upgrade is what the operator asked for here.
		if _, ok := errors.AsType[*BlockedError](err); !ok {
			return p, err
		}
	}
	return p, nil
}

// PrepareEtcdSnapshot plans a snapshot of etcd as it is, from the leader.
func (u *Upgrade) PrepareEtcdSnapshot(ctx context.Context) (*Prepared, error) {
	p := &Prepared{}
	if err := u.lookOnly(ctx, p, "take a snapshot of etcd"); err != nil {
		return p, err
	}
	e := p.Cluster.Etcd
	if _, ok := e.Leader(); !ok {
		return p, p.block(preflight.Finding{ID: "etcd-no-leader", Severity: preflight.Error, Object: "etcd", Message: "no member says that it leads: a snapshot would be of nobody knows when",
			Fix: "see: kubectl upgrade etcd status"})
	}
	var err error
	p.Plan, err = plan.ForEtcdSnapshot(plan.EtcdInput{Cluster: p.Cluster, Options: u.opts.Etcd.Plan, SnapshotName: snapshotName(e)})
	return p, err
}

// PrepareEtcdVerify plans the check of a snapshot on a node, or of one on this machine, which is brought to a node for it.
func (u *Upgrade) PrepareEtcdVerify(ctx context.Context, from plan.EtcdBackup) (*Prepared, error) {
	p := &Prepared{}
	if err := checkFile(from); err != nil {
		return p, fmt.Errorf("verify snapshot: %w", err)
	}
	var local *plan.EtcdBringParams
	if from.Node == "" {
		f, err := localFile(from.Path)
		if err != nil {
			return p, err
		}
		local = &plan.EtcdBringParams{From: from, Size: f.Size, SHA256: f.SHA256}
	} else {
		u.extra = []string{from.Node}
	}
	if err := u.lookOnly(ctx, p, "verify a snapshot of etcd"); err != nil {
		return p, err
	}
	at := plan.EtcdBackup{Node: from.Node, Path: path.Clean(from.Path)}
	if local != nil {
		at = plan.EtcdBackup{Node: u.opts.Agent.Nodes[0], Path: plan.SnapshotPath(local.SHA256)}
	}
	var err error
	p.Plan, err = plan.ForEtcdVerify(p.Cluster, at, local)
	return p, err
}

// lookOnly is lookAtEtcd for what does not move anything: it may be done in the middle of an upgrade that was cut short.
func (u *Upgrade) lookOnly(ctx context.Context, p *Prepared, purpose string) error {
	if _, err := u.reach(ctx, false); err != nil {
		return kube.ExplainConnection(u.client.Config, err)
	}
	u.anyRun = true
	_, err := u.lookAtEtcd(ctx, p, purpose)
	return err
}

// Do executes a plan of which no record is kept in the cluster, since nothing has to be gone on with.
func (u *Upgrade) Do(ctx context.Context, p *Prepared, sink event.Sink, stop <-chan struct{}) (engine.Outcome, error) {
	id := time.Now().UTC().Format("20060102T150405Z") + "-etcd"
	logs, err := record.OpenLogs(p.Plan.Cluster.UID, id)
	if err != nil {
		return engine.Outcome{}, err
	}
	defer logs.Close()
	return u.walk(ctx, p.Plan, id, event.Tee(sink, keep(logs, u.warn)), stop), nil
}
