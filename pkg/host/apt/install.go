package apt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// lockTimeout covers the moment between WaitUnlocked and apt's own locking; older releases ignore it.
const lockTimeout = "DPkg::Lock::Timeout=120"

// restoreTime is how long restoring holds may take after the action itself was cancelled.
const restoreTime = time.Minute

// Install brings the packages to exactly these versions, out of the host's sources or, where from is not nil, out of a bundle. It may be
// cut off anywhere and called again.
func Install(ctx context.Context, log io.Writer, work workdir.Dir, a hostaction.InstallPackages, from *bundle.Folder) ([]hostaction.PackageChange, error) {
	if err := WaitUnlocked(ctx, log); err != nil {
		return nil, err
	}
	if err := Repair(ctx, log); err != nil {
		return nil, err
	}
	recorded, err := ReadHolds(work.Holds())
	if err != nil {
		return nil, err
	}
	done, err := installedExactly(ctx, a.Versions)
	if err != nil {
		return nil, err
	}
	if done {
		fmt.Fprintln(log, "the packages are installed at these versions")
		if recorded != nil {
			return nil, restoreHolds(ctx, log, work.Holds(), recorded)
		}
		return nil, nil
	}
	changes, opts, err := prepare(ctx, log, work, a, from)
	if err != nil {
		return nil, err
	}
	return changes, withoutHolds(ctx, log, work.Holds(), changes, func() error {
		out, err := proc.Logged(ctx, log, "apt-get", install(opts, a.Versions, "-q", "--no-remove",
			"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", "-o", lockTimeout)...)
		if err = classify(err, out); err != nil && fault.Code(err) == "" && ctx.Err() == nil {
			return refused("install packages", a.Versions, err, out)
		}
		return err
	})
}

// prepare makes the host's apt know the versions, and tells what it would change. The options are those to install with. A bundle is
// installed from the view itself, and no source is switched.
func prepare(ctx context.Context, log io.Writer, work workdir.Dir, a hostaction.InstallPackages, from *bundle.Folder) ([]hostaction.PackageChange, []string, error) {
	p, err := Open(ctx, log, work, a.Version, from)
	if err != nil {
		return nil, nil, err
	}
	defer p.Close()
	if from != nil {
		if err := p.ensure(ctx, a.Versions); err != nil {
			return nil, nil, err
		}
		changes, err := p.allowed(ctx, p.options(), a)
		return changes, p.config(installConf), err
	}
	if err := p.switchHost(ctx, work, a); err != nil {
		return nil, nil, err
	}
	changes, err := p.allowed(ctx, p.systemOptions(), a)
	return changes, nil, err
}

// switchHost brings the host's sources and lists to those of the view, unless they are there already. It refuses on the view, before anything is changed.
func (p *Private) switchHost(ctx context.Context, work workdir.Dir, a hostaction.InstallPackages) error {
	if len(p.Edits) == 0 {
		if known, err := has(ctx, nil, a.Versions); err != nil || known {
			return err
		}
	}
	if err := p.ensure(ctx, a.Versions); err != nil {
		return err
	}
	if _, err := p.allowed(ctx, p.options(), a); err != nil {
		return err
	}
	if err := p.switchSources(work); err != nil {
		return err
	}
	if known, err := has(ctx, nil, a.Versions); err != nil || known {
		return err
	}
	return p.UpdateSystem(ctx)
}

func (p *Private) allowed(ctx context.Context, opts []string, a hostaction.InstallPackages) ([]hostaction.PackageChange, error) {
	changes, err := simulate(ctx, p.log, opts, a.Versions)
	if err != nil {
		return nil, err
	}
	return changes, refuse(changes, a.Forbid)
}

// withoutHolds runs do with the holds lifted of what changes, and restores them whatever happens to do.
func withoutHolds(ctx context.Context, log io.Writer, record string, changes []hostaction.PackageChange, do func() error) error {
	recorded, err := recordHolds(ctx, record)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range changes {
		fmt.Fprintf(log, "%s %s %s -> %s\n", c.Action, c.Name, c.From, c.To)
		names = append(names, c.Name)
	}
	err = lift(ctx, log, names)
	if err == nil {
		err = do()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
	defer cancel()
	return errors.Join(err, restoreHolds(ctx, log, record, recorded))
}

func installedExactly(ctx context.Context, versions map[string]string) (bool, error) {
	pkgs, _, err := Installed(ctx, order(versions))
	if err != nil {
		return false, err
	}
	n := 0
	for _, p := range pkgs {
		if versions[p.Name] == p.Version {
			n++
		}
	}
	return n == len(versions), nil
}

func refuse(changes []hostaction.PackageChange, forbid []string) error {
	var why []string
	for _, c := range changes {
		switch {
		case c.Action == "remove":
			why = append(why, fmt.Sprintf("it would remove %s %s", c.Name, c.From))
		case slices.Contains(forbid, c.Name):
			why = append(why, fmt.Sprintf("it would %s %s from %s to %s", c.Action, c.Name, cmp.Or(c.From, "none"), c.To))
		}
	}
	if len(why) > 0 {
		return fmt.Errorf("install packages: %s; nothing was installed", strings.Join(why, ", "))
	}
	return nil
}
