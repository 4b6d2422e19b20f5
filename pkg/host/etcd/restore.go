package etcd

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // etcd's own way to make an ID
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
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
	want, err := identify(a)
	if err != nil {
		return nil, err
	}
	log := disk.Of(a.DataDir, a.WALDir)
	if a.WALDir == "" {
		if i, err := h.tool().Inspect(ctx, a.DataDir); err == nil && i.NodeID == want.member && i.ClusterID == want.cluster {
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
	r, err := h.tool().Restore(ctx, a.Snapshot, a.DataDir, a.Name, a.PeerURL, strings.Join(a.InitialCluster, ","), a.Token, a.RevisionBump)
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

// identity is who a member will be.
type identity struct{ member, cluster uint64 }

// identify computes the IDs that a new cluster's members have, as etcd does: from their URLs and the token.
// https://github.com/etcd-io/etcd/blob/v3.6.14/server/etcdserver/api/membership/member.go
func identify(a hostaction.EtcdRestore) (identity, error) {
	urls := map[string][]string{}
	for _, m := range a.InitialCluster {
		name, url, ok := strings.Cut(m, "=")
		if !ok {
			return identity{}, fmt.Errorf("parse member %q: want NAME=URL", m)
		}
		urls[name] = append(urls[name], url)
	}
	if urls[a.Name] == nil {
		return identity{}, fmt.Errorf("restore member %s: it is not among the members %s", a.Name, strings.Join(a.InitialCluster, ","))
	}
	var ids []uint64
	var out identity
	for name, u := range urls {
		slices.Sort(u)
		id := hash([]byte(strings.Join(u, "") + cmp.Or(a.Token, "etcd-cluster")))
		ids = append(ids, id)
		if name == a.Name {
			out.member = id
		}
	}
	slices.Sort(ids)
	var all []byte
	for _, id := range ids {
		all = binary.BigEndian.AppendUint64(all, id)
	}
	out.cluster = hash(all)
	return out, nil
}

func hash(b []byte) uint64 {
	sum := sha1.Sum(b) //nolint:gosec // etcd's own way to make an ID
	return binary.BigEndian.Uint64(sum[:8])
}
