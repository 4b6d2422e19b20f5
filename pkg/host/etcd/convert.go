package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
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
	i, err := r.h.tool().Inspect(ctx, m.DataDir)
	if err != nil {
		return fmt.Errorf("convert etcd member %s: %w", m.Name, err)
	}
	r.restored = i.NodeID == r.want.Member && i.ClusterID == r.want.Cluster
	if r.restored {
		return nil
	}
	if err := r.foreign(i.V2.Prefixes); err != nil {
		return err
	}
	if !r.a.Follow {
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

// foreign refuses keys that are not API servers': who writes them goes on while they are migrated, and does not find them afterwards.
func (r *rebuild) foreign(prefixes map[string]int) error {
	var out []string
	for p, n := range prefixes {
		if !slices.ContainsFunc(r.a.Convert.Prefixes, func(ours string) bool {
			return strings.HasPrefix(strings.TrimPrefix(ours, "/")+"/", strings.TrimPrefix(p, "/")+"/")
		}) {
			out = append(out, fmt.Sprintf("%s (%d keys)", p, n))
		}
	}
	if len(out) == 0 || r.a.Convert.DropV2 {
		return nil
	}
	slices.Sort(out)
	return fmt.Errorf("convert etcd member %s: the v2 API has keys of others than API servers: %s: end who writes them and have it use the v3 API from then on; --drop-v2 goes on in spite of them", r.a.Member.Name, strings.Join(out, ", "))
}

// whole waits until the member has all that any member has, when nobody is left who writes: what it has becomes everybody's.
func (r *rebuild) whole(ctx context.Context) error {
	m := r.a.Member
	if r.a.Convert == nil || r.a.Follow || r.restored {
		return nil
	}
	if _, running, err := local.AtDataDir(m.DataDir); err != nil || !running {
		return err // an earlier try has ended it, and seen to it
	}
	ctx, cancel := context.WithTimeoutCause(ctx, serverHold, fmt.Errorf("not within %s", serverHold))
	defer cancel()
	return r.h.poll(ctx, peerLook, "wait for this member to have what every member has", func(ctx context.Context) error {
		all, err := r.ask.Cluster(ctx, m.Access.Endpoints)
		if err != nil {
			return err
		}
		own, ok := all.Local()
		if !ok || own.Error != "" {
			return fmt.Errorf("it does not answer: %s", own.Error)
		}
		for _, o := range all.Members {
			switch {
			case o.Error != "":
				return fmt.Errorf("%s: %s", o.Name, o.Error)
			case reached(o.EtcdStatus) > reached(own.EtcdStatus):
				return fmt.Errorf("it is at index %d, and %s at %d", reached(own.EtcdStatus), o.Name, reached(o.EtcdStatus))
			}
		}
		r.index = reached(own.EtcdStatus)
		return nil
	})
}

// begun waits for the member to be of the new cluster that an earlier try has started: the host may be starting just now.
func (r *rebuild) begun(ctx context.Context) bool {
	if r.a.Convert == nil {
		return false
	}
	if b, err := r.h.rebuilt(); err != nil || b == nil || b.ClusterID != ask.Hex(r.want.Cluster) {
		return false
	}
	err := until(ctx, time.Minute, "wait for the member that was started", func() (bool, error) {
		if _, running, err := local.AtDataDir(r.a.Member.DataDir); err != nil || !running {
			return false, errors.Join(err, errNotRunning)
		}
		return r.runs(ctx), nil
	})
	return err == nil
}

var errNotRunning = errors.New("it does not run")

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
	if r.a.Convert == nil || errors.Is(ctx.Err(), context.Canceled) {
		return cause
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(cause, r.serverBefore(ctx), r.forget(), again.drop())
}

// forget takes back that it was begun.
func (r *rebuild) forget() error {
	b, err := r.h.rebuilt()
	if err != nil || b == nil || b.ClusterID != ask.Hex(r.want.Cluster) {
		return err
	}
	return r.h.kept(rebuiltMember).clear()
}

// serverBefore lets this host's API server come back as it was, once what it goes by serves as before. It must not come while others serve what was migrated: by the
// v2 API their members show an empty cluster, which it would take for its own.
func (r *rebuild) serverBefore(ctx context.Context) error {
	if !r.hasServer() {
		return nil
	}
	limit := max(serverHold, r.a.Member.Wait)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	err := r.h.poll(ctx, peerLook, "wait for what the API server went by before", func(ctx context.Context) error {
		for _, p := range r.a.Peers {
			if id, err := r.peers.PeerCluster(ctx, p); err == nil && id == ask.Hex(r.want.Cluster) {
				return final("%s serves what was migrated", p)
			}
		}
		own := r.a.Member.Access.Endpoints[0]
		s, err := r.ask.Status(ctx, own)
		if err == nil && s.Version != r.a.Member.From {
			err = fmt.Errorf("the member runs %s, and not %s", s.Version, r.a.Member.From)
		}
		if err != nil {
			return err
		}
		return r.ask.Health(ctx, own)
	})
	if err != nil {
		return fmt.Errorf("this host's API server stays ended, and its manifest is kept as %s: %w", r.h.kept(stoppedServer).path("files", "0"), err)
	}
	_, err = r.h.ServerStart(ctx, hostaction.ServerStart{})
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
	if s.Revision < int64(r.index) { //nolint:gosec // an index
		return fmt.Errorf("what was migrated is at revision %d, and the member was at index %d", s.Revision, r.index)
	}
	t.SHA256 = s.SHA256
	r.h.say("migrated %d keys at revision %d: sha256 %s", s.Keys, s.Revision, s.SHA256)
	return r.h.handOver(ctx, r.a, s)
}

// back has the host run by what it had before.
func (r *rebuild) back(ctx context.Context, cause error) error {
	m := r.a.Member
	r.h.say("going back: %v", cause)
	if _, err := r.h.Rollback(ctx, hostaction.EtcdRollback{Member: m, Alone: true}); err != nil {
		return fmt.Errorf("convert etcd member %s: %w\nit is not put back: %w", m.Name, cause, err)
	}
	err := fmt.Errorf("convert etcd member %s: %w\nit runs as %s again, on its data of before", m.Name, cause, m.From.Bare())
	return errors.Join(err, r.forget(), r.serverBefore(ctx))
}

// after is the text of the API server's manifest from now on; empty for that of before.
func (r *rebuild) after() string {
	if r.a.Convert == nil {
		return ""
	}
	return r.a.Convert.Server
}
