package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/tool"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Restore makes the stopped member anew from a snapshot.
func (h Host) Restore(ctx context.Context, a hostaction.EtcdRestore) (any, error) {
	sum, err := disk.Sum(a.Snapshot)
	if err != nil {
		return nil, err
	}
	if sum != a.SHA256 {
		return nil, fmt.Errorf("restore %s: its SHA-256 is %s, and has to be %s: it was changed, or cut off", a.Snapshot, sum, a.SHA256)
	}
	p, ok, err := local.AtDataDir(a.DataDir)
	if err != nil {
		return nil, err
	}
	if ok {
		return nil, fmt.Errorf("restore %s: process %d works on it", a.DataDir, p.PID)
	}
	if err := os.MkdirAll(a.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if err := disk.OwnOnly(a.Owner, a.DataDir); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	want, err := cluster.EtcdIdentify(a.Name, a.InitialCluster, a.Token)
	if err != nil {
		return nil, err
	}
	log := disk.Of(a.DataDir, a.WALDir)
	if a.WALDir == "" {
		if i, err := h.tool().Inspect(ctx, a.DataDir); err == nil && i.NodeID == want.Member && i.ClusterID == want.Cluster {
			h.say("%s is that of the new cluster already", a.DataDir)
			return nil, disk.Own(log.Member, a.Owner)
		}
	}
	info, err := os.Stat(a.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if err := disk.Room(a.DataDir, uint64(info.Size())); err != nil { //nolint:gosec // sizes are positive
		return nil, fmt.Errorf("restore: %w", err)
	}
	r, err := h.tool().Restore(ctx, a.Snapshot, a.DataDir, tool.Founding{
		Name: a.Name, PeerURL: a.PeerURL, Cluster: strings.Join(a.InitialCluster, ","), Token: a.Token, Bump: a.RevisionBump, Release: a.Version,
	})
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", a.Snapshot, err)
	}
	if err := moveLog(a.DataDir, a.WALDir); err != nil {
		return nil, err
	}
	if err := errors.Join(disk.Own(log.Member, a.Owner), disk.Own(log.WAL, a.Owner)); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	h.say("restored %s into %s", a.Snapshot, a.DataDir)
	if have, err := generations(a.DataDir); err == nil && slices.Contains(have, r.Kept) {
		h.say("what was there is kept as generation %d", r.Kept)
	}
	return nil, nil
}

// moveLog puts the new log where the member looks for it. The old one goes into a folder beside it there, of which etcd takes no notice.
func moveLog(dataDir, walDir string) error {
	if walDir == "" {
		return nil
	}
	within := disk.Of(dataDir, "")
	fresh, err := within.Logs()
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(walDir, "*.wal"))
	if err != nil {
		return err
	}
	aside, err := os.MkdirTemp(walDir, ".before-restore-")
	if err != nil {
		return fmt.Errorf("keep the old log: %w", err)
	}
	for _, f := range old {
		if err := os.Rename(f, filepath.Join(aside, filepath.Base(f))); err != nil {
			return fmt.Errorf("keep the old log: %w", err)
		}
	}
	for _, f := range fresh {
		if err := disk.Copy(f, filepath.Join(walDir, filepath.Base(f))); err != nil {
			return err
		}
	}
	return os.RemoveAll(within.WAL)
}
