package action

import (
	"context"

	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// onEtcd makes an action's function of a method of package etcd's.
func onEtcd[A hostaction.Action, O any](f func(etcdhost.Host, context.Context, A) (O, error)) Func {
	return typed(func(ctx context.Context, a A, env Env) (any, error) {
		return f(etcdhost.Host{Work: env.Work, Log: env.Log, Services: etcdhost.Systemd}, ctx, a)
	})
}
