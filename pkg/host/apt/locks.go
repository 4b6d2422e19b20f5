package apt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// lockFiles are taken by apt and dpkg, the front end's first.
var lockFiles = []string{
	"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
	"/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock",
}

// LockHolder is the process that has one of the package manager's locks; nil when all are free.
// It only asks (F_GETLK): taking the lock would make another apt fail.
func LockHolder() (*cluster.Process, error) {
	for _, path := range lockFiles {
		p, err := holder(path)
		if p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

func holder(path string) (*cluster.Process, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at package lock: %w", err)
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return nil, fmt.Errorf("look at package lock %s: %w", path, err)
	}
	if l.Type == unix.F_UNLCK {
		return nil, nil
	}
	p := &cluster.Process{PID: int(l.Pid)}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", l.Pid)); err == nil {
		p.Name = strings.TrimSpace(string(b))
	}
	return p, nil
}

// patience is how long another package operation, such as unattended-upgrades, is waited for.
const patience = 2 * time.Minute

// WaitUnlocked waits until no other process holds a package lock. It is ours to wait: before 1.9.11 apt does not,
// and `apt-get update` does not at all.
func WaitUnlocked(ctx context.Context, log io.Writer) error {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := 0; ; {
		p, err := LockHolder()
		if p == nil || err != nil {
			return err
		}
		if p.PID != last {
			last = p.PID
			fmt.Fprintf(log, "waiting for process %d (%s), which holds the package lock\n", p.PID, p.Name)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-enough.C:
			return fault.New(hostaction.CodePackageLocked, "take package lock: process %d (%s) holds it", p.PID, p.Name)
		case <-tick.C:
		}
	}
}

// classify gives the failure of apt because of a lock its code; that can still happen right after WaitUnlocked.
func classify(err error, out string) error {
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, "E: Could not get lock") || strings.HasPrefix(l, "E: Unable to acquire the dpkg") || strings.HasPrefix(l, "E: Unable to lock") {
			return fault.New(hostaction.CodePackageLocked, "take package lock: %s", strings.TrimSpace(strings.TrimPrefix(l, "E:")))
		}
	}
	return err
}
