package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/sandbox"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// last2 is the release that serves the data of every 2.x.
var last2 = version.Version{Major: 2, Minor: 3, Patch: 8}

// manifest2 lies beside a copy of a directory, as FILE.json.
type manifest2 struct {
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Version string    `json:"version"`
	Index   uint64    `json:"index"`
	Keys    int       `json:"keys"`
	Created time.Time `json:"created"`
}

// snapshot2 copies the directory as 2.x is backed up: a log that is written to meanwhile is copied as far as it goes.
// https://github.com/etcd-io/etcd/blob/v2.3.8/Documentation/admin_guide.md#backing-up-the-datastore
func (h Host) snapshot2(ctx context.Context, a hostaction.EtcdSnapshot) (hostaction.Snapshot, error) {
	s := hostaction.Snapshot{Path: a.Path, Version: a.Version}
	c, err := ask.New(a.Access)
	if err != nil {
		return s, err
	}
	of, err := c.Status(ctx, a.Access.Endpoints[0])
	if err != nil {
		return s, err
	}
	size, err := disk.Of(a.DataDir, a.WALDir).Size()
	if err != nil {
		return s, err
	}
	if err := disk.Room(filepath.Dir(a.Path), 2*size); err != nil {
		return s, err
	}
	etcdctl, err := h.tool().Program("etcdctl", last2)
	if err != nil {
		return s, err
	}
	args := []string{"backup", "--data-dir", a.DataDir, "--backup-dir", a.Path + part}
	if a.WALDir != "" {
		args = append(args, "--wal-dir", a.WALDir)
	}
	if err := proc.Run(ctx, h.Log, etcdctl, args...); err != nil {
		return s, fmt.Errorf("copy etcd's data: %w", err)
	}
	if err := syncTree(a.Path + part); err != nil {
		return s, err
	}
	if s, err = h.verified2(ctx, a.Path+part); err != nil {
		return s, err
	}
	s.Path, s.Version = a.Path, a.Version
	if s.Revision < int64(of.V2Index) { //nolint:gosec // an index
		return s, fmt.Errorf("check copy of etcd's data: its index is %d, and the member was at %d before it was made", s.Revision, of.V2Index)
	}
	return s, name(a.Path, manifest2{s.SHA256, s.Size, a.Version.Bare(), uint64(s.Revision), s.Keys, time.Now().UTC().Truncate(time.Second)}) //nolint:gosec // an index
}

// verified2 checks a copy of a directory of 2.x: its sum, all of its bytes, and that a server serves it.
func (h Host) verified2(ctx context.Context, path string) (hostaction.Snapshot, error) {
	s := hostaction.Snapshot{Path: path, Version: last2, Leases: -1}
	var err error
	if s.SHA256, s.Size, err = disk.TreeSum(path); err != nil {
		return s, err
	}
	var m manifest2
	if text, err := os.ReadFile(path + ".json"); err == nil {
		if err := json.Unmarshal(text, &m); err != nil {
			return s, fmt.Errorf("verify %s: read its manifest: %w", path, err)
		}
		if m.SHA256 != s.SHA256 {
			return s, fmt.Errorf("verify %s: its SHA-256 is %s, and its manifest says %s", path, s.SHA256, m.SHA256)
		}
	}
	i, err := h.tool().Inspect(ctx, path)
	if err != nil {
		return s, fmt.Errorf("verify %s: %w", path, err)
	}
	s.Revision, s.Keys = int64(i.V2.Index), i.V2.Keys                     //nolint:gosec // an index
	if err := disk.Room(filepath.Dir(path), uint64(s.Size)); err != nil { //nolint:gosec // sizes are positive
		return s, err
	}
	program, err := h.tool().Program("etcd", last2)
	if err != nil {
		return s, err
	}
	index, err := sandbox.Serve2(ctx, program, path)
	if err != nil {
		return s, fmt.Errorf("verify %s: %w", path, err)
	}
	if index < i.V2.Index {
		return s, fmt.Errorf("verify %s: a server is at index %d with it, and it should be at %d", path, index, i.V2.Index)
	}
	s.Verified = true
	return s, nil
}

// syncTree has everything below a folder on disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", path, err)
		}
		return nil
	})
}
