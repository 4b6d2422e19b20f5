package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Migrate takes the stopped member's data to another release. etcd-migrate goes on where it was killed, and does nothing where nothing is left to do.
func (h Host) Migrate(ctx context.Context, a hostaction.EtcdMigrate) (hostaction.Snapshot, error) {
	began := time.Now()
	if err := h.tool().Migrate(ctx, a.DataDir, a.To, a.DropV2); err != nil {
		return hostaction.Snapshot{}, fmt.Errorf("migrate %s: %w", a.DataDir, err)
	}
	if err := disk.Own(filepath.Join(a.DataDir, "member"), a.Owner); err != nil {
		return hostaction.Snapshot{}, fmt.Errorf("migrate %s: %w", a.DataDir, err)
	}
	if err := os.MkdirAll(filepath.Dir(a.Snapshot), 0o700); err != nil {
		return hostaction.Snapshot{}, fmt.Errorf("make folder for snapshot: %w", err)
	}
	if _, err := os.Stat(a.Snapshot); errors.Is(err, fs.ErrNotExist) {
		if err := h.tool().Save(ctx, a.DataDir, a.Snapshot); err != nil {
			return hostaction.Snapshot{}, err
		}
	}
	s, err := h.verified(ctx, a.Snapshot)
	s.Took = time.Since(began)
	return s, err
}
