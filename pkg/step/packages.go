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

// Done is never asked for: the package manager itself knows what it has.
func (a downloadPackages) Done(context.Context) (bool, error) { return false, nil }

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

// Done is found out by the action itself, which looks before it installs anything.
func (a installPackages) Done(context.Context) (bool, error) { return false, nil }

func (a installPackages) Do(ctx context.Context, r Reporter) error {
	var changes []hostaction.PackageChange
	if err := a.hostOut(ctx, r, a.action, &changes); err != nil {
		return err
	}
	if len(changes) == 0 {
		return ErrAlready
	}
	return nil
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
