package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// checkConversion is check where the snapshot is still to be made.
func (r *rebuild) checkConversion(ctx context.Context) error {
	m, c := r.a.Member, r.a.Convert
	if _, err := r.h.tool().Program("etcd", m.Version); err != nil {
		return fmt.Errorf("convert etcd member %s: %w", m.Name, err)
	}
	if m.WALDir != "" {
		return fmt.Errorf("convert etcd member %s: its log lies outside of its data directory, in %s", m.Name, m.WALDir)
	}
	if _, err := peerTLS(c.From, c.Peer); err != nil {
		return fmt.Errorf("convert etcd member %s: %w", m.Name, err)
	}
	if i, err := r.h.tool().Inspect(ctx, m.DataDir); err == nil {
		r.restored = i.NodeID == r.want.Member && i.ClusterID == r.want.Cluster
	}
	if !r.a.Follow && !r.restored {
		if err := r.notBegun(ctx); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(r.a.Restore.Snapshot), 0o700); err != nil {
		return fmt.Errorf("make folder for snapshot: %w", err)
	}
	size, err := disk.Of(m.DataDir, "").Size()
	if err != nil {
		return err
	}
	// Snapshot, the directory that it is checked in, and the new member, each of which is smaller than the log and the snapshots of before.
	return errors.Join(disk.Room(m.DataDir, 2*size), disk.Room(filepath.Dir(r.a.Restore.Snapshot), 2*size))
}

// notBegun refuses to migrate this member's data when another one has been made of other data already: the two would be one cluster with two contents.
func (r *rebuild) notBegun(ctx context.Context) error {
	for _, p := range r.a.Peers {
		if id, err := r.peers.PeerCluster(ctx, p); err == nil && id == ask.Hex(r.want.Cluster) {
			return fmt.Errorf("convert etcd member %s: %s is of the new cluster already: remove this member there, and add it anew", r.a.Member.Name, p)
		}
	}
	return nil
}

// close ends the API server of a host that follows: the last one writes until its own host begins. From then on the host must not be forgotten.
func (r *rebuild) close(ctx context.Context, again resumption) error {
	if r.a.Convert == nil || !r.a.Follow || !r.hasServer() {
		return nil
	}
	if err := again.keep(); err != nil {
		return err
	}
	_, err := r.h.ServerStop(ctx, hostaction.ServerStop{})
	return err
}

// unbegun is the end of what has not begun. A host that goes down meanwhile goes on when it starts anew.
func (r *rebuild) unbegun(ctx context.Context, again resumption, cause error) error {
	if r.a.Convert == nil || ctx.Err() != nil {
		return cause
	}
	return errors.Join(cause, r.serverBefore(ctx), again.drop())
}

// serverBefore lets this host's API server come back as it was.
func (r *rebuild) serverBefore(ctx context.Context) error {
	if !r.hasServer() {
		return nil
	}
	_, err := r.h.ServerStart(ctx, hostaction.ServerStart{})
	return err
}

// convert makes the data of which all members are restored, and hands them to the other hosts.
func (r *rebuild) convert(ctx context.Context) error {
	t := &r.a.Restore
	// One of an earlier try is not of what was written since.
	if err := errors.Join(os.RemoveAll(t.Snapshot), os.RemoveAll(t.Snapshot+".json")); err != nil {
		return fmt.Errorf("remove snapshot of before: %w", err)
	}
	s, err := r.h.Migrate(ctx, hostaction.EtcdMigrate{DataDir: t.DataDir, To: r.a.Member.Version, Snapshot: t.Snapshot, DropV2: r.a.Convert.DropV2, Owner: t.Owner})
	if err != nil {
		return err
	}
	t.SHA256 = s.SHA256
	r.h.say("migrated %d keys at revision %d: sha256 %s", s.Keys, s.Revision, s.SHA256)
	return r.h.handOver(ctx, r.a, s)
}

// back has the host run by what it had before.
func (r *rebuild) back(ctx context.Context, cause error) error {
	m := r.a.Member
	r.h.say("going back: %v", cause)
	_, err := r.h.Rollback(ctx, hostaction.EtcdRollback{Member: m, Alone: true})
	if err = errors.Join(err, r.serverBefore(ctx)); err != nil {
		return fmt.Errorf("convert etcd member %s: %w\nit is not put back: %w", m.Name, cause, err)
	}
	return fmt.Errorf("convert etcd member %s: %w\nit runs as %s again, on its data of before", m.Name, cause, m.From.Bare())
}

// after is the text of the API server's manifest from now on; empty for that of before.
func (r *rebuild) after() string {
	if r.a.Convert == nil {
		return ""
	}
	return r.a.Convert.Server
}
