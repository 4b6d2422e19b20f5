package action

import (
	"context"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/apt"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/programs"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func resolvePackages(ctx context.Context, a hostaction.ResolvePackages, env Env) (any, error) {
	from, err := openBundle(env, a.Bundle)
	if err != nil {
		return nil, err
	}
	hand, err := byHand(ctx)
	if err != nil {
		return nil, err
	}
	if hand != nil {
		return output(programs.Default().Resolve(ctx, from, a.Version))
	}
	p, err := apt.Open(ctx, env.Log, env.Work, a.Version, from)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	r, err := p.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func offeredVersions(ctx context.Context, a hostaction.OfferedVersions, env Env) (any, error) {
	from, err := openBundle(env, a.Bundle)
	if err != nil {
		return nil, err
	}
	hand, err := byHand(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, minor := range a.Minors {
		if hand != nil {
			if out[minor], err = programs.Offered(from, minor); err != nil {
				return nil, err
			}
			continue
		}
		offered, err := apt.Offered(ctx, env.Log, env.Work, minor, from)
		if err != nil {
			return nil, err
		}
		out[minor] = offered
	}
	return out, nil
}

func downloadPackages(ctx context.Context, a hostaction.DownloadPackages, env Env) (any, error) {
	from, err := openBundle(env, a.Bundle)
	if err != nil {
		return nil, err
	}
	hand, err := byHand(ctx)
	if err != nil {
		return nil, err
	}
	if hand != nil {
		return nil, programs.Default().Prepare(ctx, env.Log, from, a.Version, a.Versions, env.Work.Kubeadm(a.Version.String()))
	}
	p, err := apt.Open(ctx, env.Log, env.Work, a.Version, from)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Download(ctx, a.Versions); err != nil {
		return nil, err
	}
	if kubeadm, ok := a.Versions[cluster.PackageNames[0]]; ok {
		return nil, p.Unpack(ctx, kubeadm, env.Work.Kubeadm(a.Version.String()))
	}
	return nil, nil
}

func finishPackages(ctx context.Context, _ hostaction.FinishPackages, env Env) (any, error) {
	hand, err := byHand(ctx)
	if err != nil || hand != nil {
		return nil, err // a program is replaced at once, and held by nobody
	}
	return nil, apt.Finish(ctx, env.Log, env.Work)
}

func installPackages(ctx context.Context, a hostaction.InstallPackages, env Env) (any, error) {
	from, err := openBundle(env, a.Bundle)
	if err != nil {
		return nil, err
	}
	hand, err := byHand(ctx)
	if err != nil {
		return nil, err
	}
	var changes []hostaction.PackageChange
	if hand != nil {
		changes, err = programs.Default().Install(ctx, env.Log, from, a)
	} else {
		changes, err = apt.Install(ctx, env.Log, env.Work, a, from)
	}
	if changes == nil {
		changes = []hostaction.PackageChange{}
	}
	return changes, err
}

// output drops what is known of a resolution that failed.
func output(r hostaction.Resolution, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}
