package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
)

// process is a member that nothing supervises. It is started anew as a transient unit, which keeps program, arguments, ETCD_ variables, owner, working
// directory and the limit of open files; as before, nothing starts it after a reboot.
type process struct {
	h       Host
	sd      Services
	member  string
	program string
	dataDir string
}

func (p *process) unit() string { return "etcd-" + p.member + ".service" }

func (p *process) swap(ctx context.Context, to setting, between func() error) error {
	if to.process == nil {
		return fmt.Errorf("start etcd member %s: it is not known how it ran", p.member)
	}
	if err := p.stop(ctx); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	if err := install(to.program, p.program); err != nil {
		return err
	}
	if err := writeAll(to.files); err != nil {
		return err
	}
	user, group, _ := strings.Cut(to.process.Owner, ":")
	p.h.say("starting %s as %s", p.program, p.unit())
	return p.sd.StartDaemon(ctx, systemd.Daemon{
		Name: p.unit(), Description: "etcd member " + p.member + ", started by kubectl upgrade", Start: append([]string{p.program}, to.process.Args...),
		Env: to.process.Env, Dir: to.process.Dir, User: user, Group: group, Files: to.process.Limit,
	})
}

// stop ends the process on the data directory, and makes sure that nothing starts it again.
func (p *process) stop(ctx context.Context) error {
	run, ok, err := local.AtDataDir(p.dataDir)
	if err != nil || !ok {
		return err
	}
	unit, err := p.sd.UnitOf(ctx, run.PID)
	if err != nil {
		return err
	}
	if unit == p.unit() {
		p.h.say("stopping %s", unit)
		err = p.sd.StopService(ctx, unit)
	} else {
		p.h.say("stopping etcd (process %d)", run.PID)
		err = p.signal(ctx, run.PID)
	}
	if err != nil {
		return err
	}
	again, ok, err := local.AtDataDir(p.dataDir)
	if err != nil || !ok {
		return err
	}
	return fmt.Errorf("stop etcd (process %d): another one (process %d) was started at once: end what supervises it", run.PID, again.PID)
}

func (p *process) signal(ctx context.Context, pid int) error {
	gone := func() (bool, error) {
		now, ok, err := local.AtDataDir(p.dataDir)
		return err == nil && (!ok || now.PID != pid), err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop etcd (process %d): %w", pid, err)
	}
	if err := until(ctx, stopPatience, "wait for etcd to end", gone); err == nil || ctx.Err() != nil {
		return err
	}
	p.h.say("etcd (process %d) does not end: it is killed", pid)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop etcd (process %d): %w", pid, err)
	}
	return until(ctx, stopPatience, "wait for etcd to end", gone)
}

// now looks at the process that runs.
func (p *process) now() (*keptProcess, error) {
	run, ok, err := local.AtDataDir(p.dataDir)
	if err != nil || !ok {
		return nil, err
	}
	return &keptProcess{Args: run.Args, Env: run.Env, Dir: run.Dir, Owner: run.Owner, Limit: run.Files}, nil
}

func (p *process) alive(context.Context) bool {
	_, ok, err := local.AtDataDir(p.dataDir)
	return err == nil && ok
}

func (p *process) binary() string { return p.program }

func (p *process) gaveUp(ctx context.Context) error {
	u, err := p.sd.Service(ctx, p.unit())
	if err == nil && (u.State == "failed" || u.State == "inactive") {
		return fmt.Errorf("its process has ended (status %d)", u.ExitStatus)
	}
	return nil
}

func (p *process) said(ctx context.Context) string { return journal(ctx, p.sd, p.unit()) }
