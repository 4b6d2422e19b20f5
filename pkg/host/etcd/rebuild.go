package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const (
	// peerLook is how often the others are asked whether they have begun.
	peerLook = time.Second
	// serverHold is how long the API server is kept away for a member that does not serve yet: without etcd it would end again, and be started later and later.
	serverHold = 2 * time.Minute
)

// rebuild is one making anew of the local member.
type rebuild struct {
	h    Host
	a    hostaction.EtcdRebuild
	want cluster.EtcdIdentity
	// ask talks to members as a client does, and peers as they do among themselves.
	ask, peers *ask.Client
	// restored is set where an earlier try has made the directory already, which is what a conversion begins with on each host.
	restored bool
	// index is what the member had when nobody was left who writes.
	index uint64
}

// Rebuild makes the local member anew while the other hosts do so with theirs. From its begin on it needs neither the plugin nor an API server.
func (h Host) Rebuild(ctx context.Context, a hostaction.EtcdRebuild) (any, error) {
	// What recalled an earlier one does not mean this one.
	if err := os.RemoveAll(h.recall()); err != nil {
		return nil, fmt.Errorf("rebuild etcd member %s: %w", a.Member.Name, err)
	}
	r := &rebuild{h: h, a: a}
	var err error
	if r.want, err = cluster.EtcdIdentify(a.Restore.Name, a.Restore.InitialCluster, a.Restore.Token); err != nil {
		return nil, err
	}
	if r.ask, err = ask.New(a.Member.Access); err != nil {
		return nil, err
	}
	if r.peers = r.ask; a.Convert != nil {
		if r.peers, err = ask.New(a.Convert.Peer); err != nil {
			return nil, err
		}
	}
	again := resumption{dir: units, command: h.Again}
	already := r.runs(ctx) || r.begun(ctx)
	if already {
		h.say("%s: %s is of the new cluster already", hostaction.EtcdArmed, a.Member.Name)
	} else if err := r.begin(ctx, again); err != nil {
		return nil, r.unbegun(ctx, again, err)
	}
	if !already {
		err = r.replace(ctx)
	}
	if err == nil {
		err = r.await(ctx)
	}
	// The host goes down, or the time is over: what is left is done when it starts anew. A conversion has gone back by itself when its time was over.
	if errors.Is(ctx.Err(), context.Canceled) || ctx.Err() != nil && a.Convert == nil {
		return nil, err
	}
	return nil, errors.Join(err, again.drop())
}

// runs tells whether the member that runs is of the new cluster; whether it serves too is to be waited for.
func (r *rebuild) runs(ctx context.Context) bool {
	id, err := r.peers.PeerCluster(ctx, r.a.Restore.PeerURL)
	return err == nil && id == ask.Hex(r.want.Cluster)
}

// begin is all before the member ends.
func (r *rebuild) begin(ctx context.Context, again resumption) error {
	check := r.check
	if r.a.Convert != nil {
		check = func() error { return r.checkConversion(ctx) }
	}
	if err := check(); err != nil {
		return err
	}
	if err := r.close(ctx, again); err != nil {
		return err
	}
	r.h.say("%s: %s", hostaction.EtcdArmed, filepath.Base(r.a.Restore.Snapshot))
	if r.a.Follow {
		if err := r.follow(ctx); err != nil {
			return err
		}
	}
	t := r.a.Restore
	if err := r.h.noteRebuilt(hostaction.EtcdRebuilt{SHA256: t.SHA256, Token: t.Token, Bump: t.RevisionBump, ClusterID: ask.Hex(r.want.Cluster)}); err != nil {
		return err
	}
	return again.keep()
}

// check finds what the host could not do, while nothing has ended yet.
func (r *rebuild) check() error {
	a := r.a.Restore
	sum, err := disk.Sum(a.Snapshot)
	if err != nil {
		return err
	}
	if sum != a.SHA256 {
		return fmt.Errorf("restore %s: its SHA-256 is %s, and has to be %s: it was changed, or cut off", a.Snapshot, sum, a.SHA256)
	}
	info, err := os.Stat(a.Snapshot)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(a.DataDir, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := disk.Room(a.DataDir, uint64(info.Size())); err != nil { //nolint:gosec // sizes are positive
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// follow waits until another host has begun: with the first member the old cluster still has its quorum, without a second one there is no way back in.
func (r *rebuild) follow(ctx context.Context) error {
	if r.restored {
		return nil
	}
	if r.a.Convert != nil {
		var err error
		if r.a.Restore.SHA256, err = r.fetch(ctx); err != nil {
			return err
		}
	}
	// Whoever has the data must not give up while another one may still begin with them.
	return r.wait(ctx, 3*r.a.Patience, "wait for a peer to be of the new cluster", func(ctx context.Context) error {
		var errs []error
		for _, p := range r.a.Peers {
			id, err := r.peers.PeerCluster(ctx, p)
			if err == nil && id == ask.Hex(r.want.Cluster) {
				r.h.say("%s is of the new cluster", p)
				return nil
			}
			if err == nil {
				err = fmt.Errorf("%s is of cluster %s", p, id)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// wait looks for as long as a peer may take, and until it is recalled.
func (r *rebuild) wait(ctx context.Context, limit time.Duration, what string, so func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not in %s: nothing was changed here", limit))
	defer cancel()
	return r.h.poll(ctx, peerLook, what, func(ctx context.Context) error {
		if _, err := os.Stat(r.h.recall()); err == nil {
			return final("it was recalled: nothing was changed here")
		}
		return so(ctx)
	})
}

// replace ends what runs, restores, and starts the member. What it cannot do leaves the member as it was.
func (r *rebuild) replace(ctx context.Context) error {
	m := r.a.Member
	err := r.end(ctx)
	if err == nil && !r.restored {
		err = r.restore(ctx)
	}
	// It goes on also when the time is over: a host must not stay without its member.
	always := context.WithoutCancel(ctx)
	if err != nil && r.a.Convert != nil {
		return r.back(always, err)
	}
	_, started := r.h.Start(always, hostaction.EtcdStart{Member: m, Alone: true})
	switch {
	case err == nil && started == nil:
		return nil
	case r.a.Convert != nil:
		return r.back(always, started)
	case err != nil && started == nil:
		err = fmt.Errorf("rebuild etcd member %s: %w\nit was started again on what is in %s", m.Name, err, r.a.Restore.DataDir)
	case err != nil:
		err = fmt.Errorf("rebuild etcd member %s: %w\nit does not run; the same command goes on", m.Name, err)
	}
	return errors.Join(err, started, r.server(always))
}

func (r *rebuild) restore(ctx context.Context) error {
	if r.a.Convert != nil && !r.a.Follow {
		if err := r.convert(ctx); err != nil {
			return err
		}
	}
	_, err := r.h.Restore(ctx, r.a.Restore)
	return err
}

// end ends API server and member.
func (r *rebuild) end(ctx context.Context) error {
	m := r.a.Member
	if r.hasServer() {
		if _, err := r.h.ServerStop(ctx, hostaction.ServerStop{}); err != nil {
			return err
		}
	}
	if err := r.whole(ctx); err != nil {
		return err
	}
	_, err := r.h.Stop(ctx, hostaction.EtcdStop{Run: m.Run, Unit: m.Unit, Binary: m.Binary, DataDir: m.DataDir})
	return err
}

// server lets the kubelet start the API server again.
func (r *rebuild) server(ctx context.Context) error {
	if !r.hasServer() {
		return nil
	}
	_, err := r.h.ServerStart(ctx, hostaction.ServerStart{After: r.after()})
	return err
}

// hasServer tells whether an API server of this host goes by what the member has.
func (r *rebuild) hasServer() bool {
	if c := r.a.Convert; c != nil {
		return c.Server != ""
	}
	return r.a.Member.Run == cluster.EtcdAsPod
}

// await waits for the member to serve, which takes more than half of the hosts, and lets the API server come in any case.
func (r *rebuild) await(ctx context.Context) error {
	s, end, err := r.h.newStart(ctx, r.a.Member, false)
	if err != nil {
		return errors.Join(err, r.server(ctx))
	}
	defer end()
	limit := s.a.Wait
	if r.a.Convert == nil { // else its API server cannot serve by what a member of before has, and comes when there is a new one
		s.a.Wait = min(limit, serverHold)
	}
	first := s.await(ctx)
	if first != nil && r.a.Convert != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return first
		}
		return r.back(context.WithoutCancel(ctx), first)
	}
	if err := r.server(ctx); err != nil {
		return err
	}
	if first == nil {
		return nil
	}
	s.a.Wait = limit
	if err := s.await(ctx); err != nil {
		return fmt.Errorf("rebuild etcd member %s: %w\n%s", r.a.Member.Name, err, s.run.said(context.WithoutCancel(ctx)))
	}
	return nil
}

// Recall has a rebuild that waits for others end.
func (h Host) Recall(_ context.Context, _ hostaction.EtcdRecall) (any, error) {
	if err := os.WriteFile(h.recall(), nil, 0o600); err != nil {
		return nil, fmt.Errorf("recall rebuild: %w", err)
	}
	return nil, nil
}

// recall is a file whose being there ends a rebuild that waits.
func (h Host) recall() string { return filepath.Join(string(h.Work), "etcd-recall") }

// Settle forgets that a rebuild was begun.
func (h Host) Settle(_ context.Context, a hostaction.EtcdSettle) (any, error) {
	have, err := h.rebuilt()
	if err != nil || have == nil || !strings.EqualFold(have.ClusterID, a.ClusterID) {
		return nil, err
	}
	return nil, h.kept(rebuiltMember).clear()
}
