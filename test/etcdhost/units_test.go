//go:build realetcd

package etcdhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
)

// units is a folder in which the processes of daemons are noted: as with systemd, they outlive whoever has them started.
type units string

func (u units) connect(context.Context) (etcdhost.Services, error) { return u, nil }

func (u units) path(unit, kind string) string { return filepath.Join(string(u), unit+kind) }

func (u units) pid(unit string) int {
	text, err := os.ReadFile(u.path(unit, ".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// runs tells whether a process is there and not only waiting to be waited for.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if pid == 0 || err != nil {
		return false
	}
	rest := string(text)
	rest = rest[strings.LastIndexByte(rest, ')')+1:]
	return !strings.HasPrefix(strings.TrimSpace(rest), "Z")
}

func (u units) StartDaemon(_ context.Context, d systemd.Daemon) error {
	out, err := os.OpenFile(u.path(d.Name, ".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(d.Start[0], d.Start[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.Dir, d.Env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := begin(cmd); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return os.WriteFile(u.path(d.Name, ".pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
}

// begin starts a program that was written a moment ago: a process that is being started elsewhere in the tests may hold it open for writing still.
// https://github.com/golang/go/issues/22315
func begin(cmd *exec.Cmd) error {
	for {
		err := cmd.Start()
		if !errors.Is(err, syscall.ETXTBSY) {
			return err
		}
		again := exec.Command(cmd.Path, cmd.Args[1:]...)
		again.Dir, again.Env, again.Stdout, again.Stderr, again.SysProcAttr = cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr
		*cmd = *again // it was never started
	}
}

func (u units) StopService(ctx context.Context, unit string) error {
	pid := u.pid(unit)
	if !runs(pid) {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	for runs(pid) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (u units) Service(_ context.Context, unit string) (systemd.Service, error) {
	s := systemd.Service{Name: unit, Transient: true, State: "inactive"}
	if runs(u.pid(unit)) {
		s.State = "active"
	}
	return s, nil
}

func (u units) UnitOf(_ context.Context, pid int) (string, error) {
	notes, err := filepath.Glob(u.path("*", ".pid"))
	for _, n := range notes {
		unit := strings.TrimSuffix(filepath.Base(n), ".pid")
		if u.pid(unit) == pid {
			return unit, nil
		}
	}
	return "", err
}

func (u units) Said(_ context.Context, unit string, lines int) (string, error) {
	text, err := os.ReadFile(u.path(unit, ".log"))
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n"), err
}

var errNoUnits = errors.New("no unit files are here")

func (u units) StartService(context.Context, string) error          { return errNoUnits }
func (u units) Reload(context.Context) error                        { return nil }
func (u units) Installed(context.Context, string) ([]string, error) { return nil, nil }
func (u units) Close()                                              {}
