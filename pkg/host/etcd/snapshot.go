package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/tool"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// part is the end of the name of what is not whole, or not checked, yet. What has its own name is both.
const part = ".part"

// Snapshot has the local member write a snapshot, and checks it before it gets its name.
func (h Host) Snapshot(ctx context.Context, a hostaction.EtcdSnapshot) (hostaction.Snapshot, error) {
	began := time.Now()
	if _, err := os.Stat(a.Path); err == nil {
		s, err := h.verified(ctx, a.Path)
		if err != nil {
			return s, fmt.Errorf("check snapshot %s, which is there already: %w; where it is not to be relied on, remove it, or choose another place with --backup-dir", a.Path, err)
		}
		h.say("%s is there, and in order", a.Path)
		s.Took = time.Since(began)
		return s, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return hostaction.Snapshot{}, fmt.Errorf("look for snapshot: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(a.Path), 0o700); err != nil {
		return hostaction.Snapshot{}, fmt.Errorf("make folder for snapshot: %w", err)
	}
	// What an earlier try has left is not whole.
	if err := os.RemoveAll(a.Path + part); err != nil {
		return hostaction.Snapshot{}, fmt.Errorf("remove unfinished snapshot: %w", err)
	}
	take := h.snapshot3
	if a.Version.Major < 3 {
		take = h.snapshot2
	}
	s, err := take(ctx, a)
	s.Took = time.Since(began)
	return s, err
}

func (h Host) snapshot3(ctx context.Context, a hostaction.EtcdSnapshot) (hostaction.Snapshot, error) {
	s := hostaction.Snapshot{Path: a.Path, Version: a.Version}
	c, err := ask.New(a.Access)
	if err != nil {
		return s, err
	}
	of, err := c.Status(ctx, a.Access.Endpoints[0])
	if err != nil {
		return s, err
	}
	// Beside the snapshot there is, for a while, the directory that it is restored into.
	if err := disk.Room(filepath.Dir(a.Path), 3*uint64(of.DBSize)); err != nil { //nolint:gosec // sizes are positive
		return s, err
	}
	h.say("taking a snapshot of %d MB from %s", of.DBSize>>20, a.Access.Endpoints[0])
	if s.Size, s.SHA256, err = h.stream(ctx, a.Access, a.Path+part); err != nil {
		return s, err
	}
	m, raw, err := h.tool().Verify(ctx, a.Path+part)
	if err != nil {
		return s, fmt.Errorf("check snapshot: %w", err)
	}
	if m.Revision < of.Revision {
		return s, fmt.Errorf("check snapshot: its revision is %d, and the member was at %d before it was taken", m.Revision, of.Revision)
	}
	inner, err := innerSum(a.Path+part, s.Size)
	if err != nil {
		return s, err
	}
	raw["sha256"], raw["size"], raw["version"], raw["created"] = inner, s.Size, a.Version.MinorString(), time.Now().UTC().Truncate(time.Second)
	delete(raw, "clusterID") // that of the copy that was served
	taken(&s, m)
	return s, name(a.Path, raw)
}

// name gives a checked snapshot its name, after its manifest: without the former the latter means nothing.
func name(path string, manifest any) error {
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("write snapshot's manifest: %w", err)
	}
	if err := file.Write(path+".json", append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+part, path); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return file.SyncDir(filepath.Dir(path))
}

// Verify checks a snapshot on this host.
func (h Host) Verify(ctx context.Context, a hostaction.EtcdVerify) (hostaction.Snapshot, error) {
	began := time.Now()
	s, err := h.verified(ctx, a.Path)
	if err == nil && a.SHA256 != "" && s.SHA256 != a.SHA256 {
		s.Verified = false
		err = fmt.Errorf("verify %s: its SHA-256 is %s, and has to be %s", a.Path, s.SHA256, a.SHA256)
	}
	s.Took = time.Since(began)
	return s, err
}

// verified checks a snapshot as etcd-migrate does: sums, structure, manifest, and that a server serves it.
func (h Host) verified(ctx context.Context, path string) (hostaction.Snapshot, error) {
	s := hostaction.Snapshot{Path: path}
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("verify snapshot: %w", err)
	}
	if info.IsDir() {
		return h.verified2(ctx, path)
	}
	if err := disk.Room(filepath.Dir(path), 2*uint64(info.Size())); err != nil { //nolint:gosec // sizes are positive
		return s, err
	}
	s.Size = info.Size()
	if s.SHA256, err = disk.Sum(path); err != nil {
		return s, err
	}
	m, _, err := h.tool().Verify(ctx, path)
	if err != nil {
		return s, err
	}
	s.Version = minor(m.Version)
	taken(&s, m)
	return s, nil
}

func taken(s *hostaction.Snapshot, m *tool.Manifest) {
	s.Revision, s.Keys, s.Leases, s.Hash, s.Verified = m.Revision, m.Keys, m.Leases, m.Hash, true
	s.Kubernetes, s.Created = m.Kubernetes, m.Created
	for _, o := range m.Members {
		for _, u := range o.PeerURLs {
			s.Members = append(s.Members, o.Name+"="+u)
		}
	}
	slices.Sort(s.Members)
}

// minor reads what etcd-migrate calls a version, such as 3.5; zero when it says none.
func minor(s string) version.Version {
	v, err := version.Parse(s + ".0")
	if err != nil {
		return version.Version{}
	}
	return v
}
