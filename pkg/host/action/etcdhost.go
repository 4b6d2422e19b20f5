package action

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// serverLook is how often an API server is asked whether it serves; the kubelet takes some seconds to start it.
const serverLook = time.Second

func etcdHost(env Env) etcdhost.Host {
	return etcdhost.Host{Work: env.Work, Log: env.Log, Services: etcdhost.Systemd}
}

// onEtcd makes an action's function of a method of package etcd's.
func onEtcd[A hostaction.Action, O any](f func(etcdhost.Host, context.Context, A) (O, error)) Func {
	return typed(func(ctx context.Context, a A, env Env) (any, error) { return f(etcdHost(env), ctx, a) })
}

// etcdReplace has the images of a new manifest on the host before the member is ended: without them it would be away as long as they take, or for good.
func etcdReplace(ctx context.Context, a hostaction.EtcdReplace, env Env) (any, error) {
	if a.Run == cluster.EtcdAsPod {
		for _, f := range a.Files {
			pod, err := staticpod.Parse([]byte(f.After))
			if err != nil {
				return nil, fmt.Errorf("read the new %s: %w", f.Path, err)
			}
			var images []string
			for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				images = append(images, c.Image)
			}
			if _, err := pull(ctx, images, env); err != nil {
				return nil, err
			}
		}
	}
	return etcdHost(env).Replace(ctx, a)
}

// serverStart waits until the API server serves.
func serverStart(ctx context.Context, a hostaction.ServerStart, env Env) (any, error) {
	if _, err := etcdHost(env).ServerStart(ctx, a); err != nil {
		return nil, err
	}
	tick := time.NewTicker(serverLook)
	defer tick.Stop()
	for said := ""; ; {
		err := apiServer(ctx)
		if err == nil {
			return nil, nil
		}
		if s := err.Error(); s != said {
			fmt.Fprintln(env.Log, "wait for the API server to serve:", s)
			said = s
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the API server to serve: %w", errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}
