package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

const (
	// sweepID names the unit that removes the directory, among those of requests.
	sweepID = "sweep"
	// sweepLimit bounds it: there is nothing but files to remove.
	sweepLimit = time.Minute
	// sweepLook is how often it is looked at.
	sweepLook = 100 * time.Millisecond
)

// Purge removes what the agent left on the host. It refuses while an action runs, and keeps a record of holds that are still to be restored.
// The pod has the directory mounted and could only empty it; so a unit of the host does it.
func Purge(ctx context.Context, work workdir.Dir) error {
	bin, err := Install(work)
	if err != nil {
		return err
	}
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return err
	}
	defer sd.Close()
	units, err := sd.Running(ctx, workdir.UnitPrefix)
	if err != nil {
		return err
	}
	var ids []string
	for _, u := range units {
		if id, ok := workdir.IDOfUnit(u); ok && id != sweepID {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		return fmt.Errorf("purge %s: still running: %s", string(work), strings.Join(ids, ", "))
	}
	if !slices.Contains(units, workdir.Unit(sweepID)) {
		err := sd.Start(ctx, systemd.Transient{
			Name: workdir.Unit(sweepID), Description: "kubectl upgrade: remove " + string(work),
			Start: []string{bin, "sweep"}, Limit: sweepLimit,
		})
		if err != nil {
			return err
		}
	}
	return swept(ctx, sd, work)
}

// swept waits for the unit and judges by what it left: from the pod, a directory that is gone looks empty.
func swept(ctx context.Context, sd *systemd.Conn, work workdir.Dir) error {
	tick := time.NewTicker(sweepLook)
	defer tick.Stop()
	for {
		active, err := sd.Active(ctx, workdir.Unit(sweepID))
		if err != nil {
			return err
		}
		if !active {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("purge %s: %w", string(work), context.Cause(ctx))
		case <-tick.C:
		}
	}
	left, err := remains(work)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("purge %s: left: %s (see journalctl -u %s)", string(work), strings.Join(left, ", "), workdir.Unit(sweepID))
	}
	return err
}

// Sweep removes the agent's directory; it runs on the host. A record of holds stays, and the directory with it.
func Sweep(work workdir.Dir) error {
	left, err := remains(work)
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("purge %s: %w", string(work), err)
		}
	}
	err = os.Remove(string(work))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}

// remains lists what is to be removed from the directory.
func remains(work workdir.Dir) ([]string, error) {
	entries, err := os.ReadDir(string(work))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("purge %s: %w", string(work), err)
	}
	var out []string
	for _, e := range entries {
		if path := filepath.Join(string(work), e.Name()); path != work.Holds() {
			out = append(out, path)
		}
	}
	return out, nil
}
