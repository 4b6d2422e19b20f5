package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// serverLook is how often an API server is asked whether it serves; the kubelet takes some seconds to start it.
const serverLook = time.Second

func etcdHost(env Env) etcdhost.Host {
	return etcdhost.Host{Work: env.Work, Log: env.Log, Services: etcdhost.Systemd, Again: env.Again}
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
		defer hurry(ctx, env)()
	}
	return etcdHost(env).Replace(ctx, a)
}

// serverStart waits until the API server serves.
func serverStart(ctx context.Context, a hostaction.ServerStart, env Env) (any, error) {
	if _, err := etcdHost(env).ServerStart(ctx, a); err != nil {
		return nil, err
	}
	return nil, awaitServer(ctx, env)
}

func awaitServer(ctx context.Context, env Env) error {
	tick := time.NewTicker(serverLook)
	defer tick.Stop()
	for said := ""; ; {
		err := apiServer(ctx)
		if err == nil {
			return nil
		}
		if s := err.Error(); s != said {
			fmt.Fprintln(env.Log, "wait for the API server to serve:", s)
			said = s
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the API server to serve: %w", errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

// etcdRebuild waits until the API server serves, and has those start anew that remember what they have read from it.
func etcdRebuild(ctx context.Context, a hostaction.EtcdRebuild, env Env) (any, error) {
	served := a.Member.Run == cluster.EtcdAsPod
	if a.Convert != nil {
		served = a.Convert.Server != ""
	}
	if _, err := etcdHost(env).Rebuild(ctx, a); err != nil || !served {
		return nil, err
	}
	if err := awaitServer(ctx, env); err != nil {
		return nil, err
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		p, err := staticpod.Find(staticpod.Dir + "/" + name + ".yaml")
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, staticpod.ErrNotRunning) {
			continue // it starts by itself, and remembers nothing
		}
		if err == nil {
			err = p.Signal(syscall.SIGTERM)
		}
		if err != nil {
			return nil, fmt.Errorf("restart %s: %w", name, err)
		}
		fmt.Fprintf(env.Log, "%s (process %d) is ended, so that it reads everything anew; the kubelet starts it again\n", name, p.PID)
	}
	return nil, nil
}
