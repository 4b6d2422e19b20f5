package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// Purge removes what the agent left on the host. It refuses while an action runs, and keeps a record of holds that are still to be restored.
func Purge(ctx context.Context, work workdir.Dir) error {
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
		if id, ok := workdir.IDOfUnit(u); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		return fmt.Errorf("purge %s: still running: %s", string(work), strings.Join(ids, ", "))
	}
	return empty(work)
}

func empty(work workdir.Dir) error {
	entries, err := os.ReadDir(string(work))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("purge %s: %w", string(work), err)
	}
	for _, e := range entries {
		path := filepath.Join(string(work), e.Name())
		if path == work.Holds() {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("purge %s: %w", string(work), err)
		}
	}
	err = os.Remove(string(work))
	// In the pod the directory is a mount and cannot go; an empty directory is left.
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}
