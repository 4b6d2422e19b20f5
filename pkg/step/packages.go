package step

import (
	"context"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

type downloadPackages struct {
	base
	action hostaction.DownloadPackages
}

// Done: what is installed needs no download. Otherwise the package manager itself knows what it has.
func (a downloadPackages) Done(ctx context.Context) (bool, error) {
	h, err := a.packages(ctx, a.step.Node)
	return err == nil && installed(h, a.action.Versions), err
}

func (a downloadPackages) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}

type pullImages struct {
	base
	action hostaction.PullImages
}

// Done is never known beforehand: which images are needed is the target's kubeadm to say. Those that are there are passed by on the host.
func (a pullImages) Done(context.Context) (bool, error) { return false, nil }

func (a pullImages) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}

type installPackages struct {
	base
	action hostaction.InstallPackages
}

// Done: a record of lifted holds that is still there means that an earlier installation was cut short.
func (a installPackages) Done(ctx context.Context) (bool, error) {
	h, err := a.packages(ctx, a.step.Node)
	return err == nil && installed(h, a.action.Versions) && h.HeldBefore == nil, err
}

func (a installPackages) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}

type finishPackages struct {
	base
	action hostaction.FinishPackages
}

// Done: holds are back and every package is whole.
func (a finishPackages) Done(ctx context.Context) (bool, error) {
	h, err := a.packages(ctx, a.step.Node)
	if err != nil || h.HeldBefore != nil {
		return false, err
	}
	return !slices.ContainsFunc(h.Packages, func(p cluster.Package) bool { return p.State != "" }), nil
}

func (a finishPackages) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}

func installed(h *cluster.Host, versions map[string]string) bool {
	for name, v := range versions {
		if p, ok := h.Package(name); !ok || p.Version != v {
			return false
		}
	}
	return true
}
