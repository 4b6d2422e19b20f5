// Package action holds what the agent can do on a host, one function per kind of action.
package action

import (
	"context"
	"fmt"
	"io"

	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Env is what an action is given besides its parameters.
type Env struct {
	Work workdir.Dir
	// Log takes whole lines.
	Log io.Writer
	// Again is the command that does the action once more.
	Again []string
}

// Func runs an action. The output may be there also when it failed.
type Func func(ctx context.Context, r hostaction.Request, env Env) (output any, err error)

// For finds the function of a kind; ok is false for a kind that this agent does not know.
func For(k hostaction.Kind) (f Func, ok bool) {
	f, ok = map[hostaction.Kind]Func{
		hostaction.Facts{}.Kind():                typed(facts),
		hostaction.ResolvePackages{}.Kind():      typed(resolvePackages),
		hostaction.OfferedVersions{}.Kind():      typed(offeredVersions),
		hostaction.DownloadPackages{}.Kind():     typed(downloadPackages),
		hostaction.InstallPackages{}.Kind():      typed(installPackages),
		hostaction.FinishPackages{}.Kind():       typed(finishPackages),
		hostaction.RestoreKubeletConfig{}.Kind(): typed(restoreKubeletConfig),
		hostaction.PullImages{}.Kind():           typed(pullImages),
		hostaction.CheckImages{}.Kind():          typed(checkImages),
		hostaction.FindImages{}.Kind():           typed(findImages),
		hostaction.ImportImages{}.Kind():         typed(importImages),
		hostaction.KubeadmDiff{}.Kind():          typed(kubeadmDiff),
		hostaction.KubeadmPlan{}.Kind():          typed(kubeadmPlan),
		hostaction.KubeadmApply{}.Kind():         typed(kubeadmApply),
		hostaction.KubeadmNode{}.Kind():          typed(kubeadmNode),
		hostaction.RestartKubelet{}.Kind():       typed(restartKubelet),
		hostaction.ControlPlaneHealth{}.Kind():   typed(controlPlaneHealth),
		hostaction.MoveEtcdLeader{}.Kind():       typed(moveEtcdLeader),
		hostaction.EtcdFacts{}.Kind():            onEtcd(etcdhost.Host.Facts),
		hostaction.EtcdSnapshot{}.Kind():         onEtcd(etcdhost.Host.Snapshot),
		hostaction.EtcdVerify{}.Kind():           onEtcd(etcdhost.Host.Verify),
		hostaction.EtcdAgree{}.Kind():            onEtcd(etcdhost.Host.Agree),
		hostaction.EtcdReplace{}.Kind():          typed(etcdReplace),
		hostaction.EtcdStop{}.Kind():             onEtcd(etcdhost.Host.Stop),
		hostaction.EtcdStart{}.Kind():            onEtcd(etcdhost.Host.Start),
		hostaction.EtcdMigrate{}.Kind():          onEtcd(etcdhost.Host.Migrate),
		hostaction.EtcdRestore{}.Kind():          onEtcd(etcdhost.Host.Restore),
		hostaction.EtcdRebuild{}.Kind():          typed(etcdRebuild),
		hostaction.EtcdRecall{}.Kind():           onEtcd(etcdhost.Host.Recall),
		hostaction.EtcdSettle{}.Kind():           onEtcd(etcdhost.Host.Settle),
		hostaction.EtcdRollback{}.Kind():         onEtcd(etcdhost.Host.Rollback),
		hostaction.EtcdDowngrade{}.Kind():        onEtcd(etcdhost.Host.Downgrade),
		hostaction.OfferFile{}.Kind():            typed(offerFile),
		hostaction.EditFiles{}.Kind():            onEtcd(etcdhost.Host.EditFiles),
		hostaction.ServerStop{}.Kind():           onEtcd(etcdhost.Host.ServerStop),
		hostaction.ServerStart{}.Kind():          typed(serverStart),
	}[k]
	return f, ok
}

// typed decodes the parameters. It takes Changes from the action itself: a request cannot talk its way around the lock.
func typed[A hostaction.Action](f func(context.Context, A, Env) (any, error)) Func {
	return func(ctx context.Context, r hostaction.Request, env Env) (any, error) {
		a, err := hostaction.Decode[A](r)
		if err != nil {
			return nil, err
		}
		if a.Changes() != r.Changes {
			return nil, fmt.Errorf("check request %s: it says changes=%t, the action %s says %t", r.ID, r.Changes, r.Kind, a.Changes())
		}
		return f(ctx, a, env)
	}
}
