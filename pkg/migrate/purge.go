package migrate

import (
	"context"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
)

// PurgeV2 takes out of a member what the v2 API has left, over which etcd 3.6 does not start. etcd has no command for that,
// https://github.com/etcd-io/etcd/issues/20343. The member stays at its release.
func PurgeV2(ctx context.Context, o Options) (*Result, error) {
	began := time.Now()
	work, release, err := open(o)
	if err != nil {
		return nil, err
	}
	defer release()
	info, err := datadir.Inspect(o.Dir)
	if err != nil {
		return nil, err
	}
	plan, err := purgePlan(info, o)
	if err != nil {
		return nil, err
	}
	m := &migration{Options: o, work: work, plan: plan, result: &Result{Plan: plan, Version: info.Version}}
	m.count(info.Database)
	if len(plan.Steps) > 0 {
		if err := m.run(ctx, info, plan.Steps[0].Etcd+"/etcd3"); err != nil {
			return nil, err
		}
	}
	m.result.Duration = time.Since(began)
	return m.result, nil
}

func purgePlan(i *datadir.Info, o Options) (*Plan, error) {
	p := &Plan{From: i.Version, To: i.Version, Strategy: Restore}
	switch {
	case i.Database == nil:
		return nil, refuse("etcd %s has nothing but the v2 API: migrate it", i.Version)
	case len(i.Members()) > 1:
		return nil, refuse("this is one of %d members, and its log must stay that of the others", len(i.Members()))
	case hops.Compare(i.Version, "3.5") > 0, i.V2.Keys+i.V2.Users+i.V2.Roles+i.V2.LogWrites == 0:
		return p, nil
	}
	bins, err := hops.Find(o.BinDir)
	if err != nil {
		return nil, err
	}
	// What is left behind has to be allowed as it is for a target that has no v2 API at all.
	if _, err := judgeV2(i, "3.6", o.DropV2, p); err != nil {
		return nil, err
	}
	p.add(Run, i.Version)
	p.add(Rebase, i.Version)
	p.add(Run, i.Version)
	return p, p.find(bins)
}
