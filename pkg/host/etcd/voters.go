package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/snapfile"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	// entriesAtOnce are proposed between two looks at the snapshots, a few of them side by side, so that whoever else writes hardly notices.
	entriesAtOnce, proposers = 500, 4
	// entriesToSnapshot is how many entries etcd takes a snapshot after, at most: the default up to 3.5, ten times that of 3.6 and of kubeadm's manifests.
	entriesToSnapshot = 100_000
	// entriesBehind is how far others may be behind. Who is 5,000 entries behind is sent the whole database.
	entriesBehind = 2000
)

// KeepVoters sees to it that 3.6 does not lose members of raft, or take back removed ones, at a start of this host's member, see knowledge.VotersSource: either
// it starts from a snapshot that has the members of today, or the member has etcd take one, which it tells. etcd does so after a number of entries only; those
// proposed here change nothing.
func KeepVoters(ctx context.Context, log io.Writer, m *local.Member, c *ask.Client, all *ask.Cluster) (taken bool, err error) {
	self, ok := all.Local()
	if !ok || self.Error != "" {
		fmt.Fprintln(log, "the member on this host does not answer: its snapshots of raft stay as they are", self.Error)
		return false, nil
	}
	if !startsNext36(self.Version) {
		return false, nil
	}
	dir := disk.Of(m.DataDir, m.WALDir).Snap
	first, err := newestSnapshot(dir)
	if err != nil {
		return false, err
	}
	if first.path == "" && len(all.Members) == 1 {
		return false, nil // as a rule it was never anything else
	}
	wrong := first.differs(all)
	if wrong == "" {
		return false, nil
	}
	fmt.Fprintf(log, "etcd's newest snapshot of raft in %s %s, which 3.6 could make true at a start (%s): having etcd take another\n", dir, wrong, knowledge.VotersSource)
	v3, err := c.Dial(self.Endpoint)
	if err != nil {
		return false, err
	}
	defer v3.Close()
	for n := entriesAtOnce; ; n += entriesAtOnce {
		if err := propose(ctx, v3); err != nil {
			return false, fmt.Errorf("have etcd take a snapshot of raft: %w", err)
		}
		now, err := newestSnapshot(dir)
		switch wrong = now.differs(all); {
		case err != nil:
			return false, err
		case wrong == "":
			fmt.Fprintln(log, "etcd's newest snapshot of raft has all members, and no other")
			return true, nil
		case now.path != first.path:
			return false, fmt.Errorf("have etcd take a snapshot of raft: the one that it has taken, %s, %s too: the raft of member %s, which still runs, knows no better; take it out with etcdctl member remove %s, and add it anew with an empty data directory", now.path, wrong, self.Name, self.ID)
		case n >= 2*entriesToSnapshot:
			return false, fmt.Errorf("have etcd take a snapshot of raft: it took none in %s after %d entries; see --snapshot-count of its member", dir, n)
		case n%5000 == 0:
			fmt.Fprintf(log, "%d entries without an effect were proposed\n", n)
		}
		if err := awaitFollowers(ctx, c, self.Endpoint); err != nil {
			return false, err
		}
	}
}

// awaitFollowers waits until no member that answers is far behind.
func awaitFollowers(ctx context.Context, c *ask.Client, endpoint string) error {
	tick := time.NewTicker(agreeLook)
	defer tick.Stop()
	for {
		all, err := c.Cluster(ctx, []string{endpoint})
		if err != nil {
			return fmt.Errorf("have etcd take a snapshot of raft: %w", err)
		}
		self, _ := all.Local()
		behind := slices.IndexFunc(all.Members, func(m ask.Member) bool {
			return m.Error == "" && m.AppliedIndex > 0 && m.AppliedIndex+entriesBehind < self.RaftIndex
		})
		if behind < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("have etcd take a snapshot of raft: wait for member %s, which is behind: %w", all.Members[behind].Name, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// startsNext36 tells whether the program that a member of a release starts as next can be one that loses voters.
func startsNext36(v version.Version) bool {
	return knowledge.LosesVoters(v) || knowledge.LosesVoters(version.Version{Major: v.Major, Minor: v.Minor + 1})
}

// raftSnapshot is a snapshot of raft; without a path it is none, and has no members.
type raftSnapshot struct {
	path   string
	voters []uint64
}

// newestSnapshot is the newest that can be read. One that cannot be is being written, was removed just now, or is passed over by etcd as well.
func newestSnapshot(dir string) (raftSnapshot, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return raftSnapshot{}, fmt.Errorf("look for snapshots of raft: %w", err)
	}
	files, err := snapfile.List(dir)
	if err != nil {
		return raftSnapshot{}, err
	}
	for _, f := range files {
		if s, err := snapfile.Read(f); err == nil {
			return raftSnapshot{f, s.GetMetadata().GetConfState().GetVoters()}, nil
		}
	}
	return raftSnapshot{}, nil
}

// differs says in which voter it differs from the list of members; nothing when in none.
func (s raftSnapshot) differs(all *ask.Cluster) string {
	for _, m := range all.Members {
		if !m.Learner && !slices.Contains(s.voters, m.RaftID) {
			return "does not have member " + m.Name
		}
	}
	for _, id := range s.voters {
		if !slices.ContainsFunc(all.Members, func(m ask.Member) bool { return m.RaftID == id }) {
			return "has member " + ask.Hex(id) + ", which was removed"
		}
	}
	return ""
}

// propose has raft agree on entries that change nothing.
func propose(ctx context.Context, c *clientv3.Client) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for range proposers {
		g.Go(func() error {
			for range entriesAtOnce / proposers {
				if err := nothing(ctx, c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// nothing asks for the alarms, which etcd puts to raft as it does what is written, and which changes neither data nor revision:
// https://github.com/etcd-io/etcd/blob/v3.6.16/server/etcdserver/v3_server.go (Alarm).
func nothing(ctx context.Context, c *clientv3.Client) error {
	for {
		_, err := c.AlarmList(ctx)
		switch {
		case errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail), errors.Is(err, rpctypes.ErrLeaderChanged): // nobody misses it
			return nil
		case !errors.Is(err, rpctypes.ErrTooManyRequests):
			return err
		}
		select { // etcd does not tell when it takes more
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
