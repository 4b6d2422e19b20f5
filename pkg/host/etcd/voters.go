package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
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
)

// KeepVoters sees to it that 3.6 does not lose members of raft at a start of this host's member, see knowledge.VotersSource: either it starts from a snapshot
// that has all of them, or the member has etcd take one, which it tells. etcd does so after a number of entries only; those proposed here change nothing.
func KeepVoters(ctx context.Context, log io.Writer, m *local.Member, c *ask.Client, all *ask.Cluster) (taken bool, err error) {
	self, ok := all.Local()
	if !ok || !startsNext36(self.Version) || len(all.Members) < 2 {
		return false, nil
	}
	snapshots := disk.Of(m.DataDir, m.WALDir).Snap
	missing, err := unsaved(snapshots, all)
	if err != nil || missing == "" {
		return false, err
	}
	fmt.Fprintf(log, "etcd's newest snapshot of raft in %s does not have member %s, which 3.6 could lose at a start (%s): having etcd take another\n", snapshots, missing, knowledge.VotersSource)
	v3, err := c.Dial(self.Endpoint)
	if err != nil {
		return false, err
	}
	defer v3.Close()
	for n := 0; missing != ""; n += entriesAtOnce {
		if n > 2*entriesToSnapshot {
			return false, fmt.Errorf("have etcd take a snapshot of raft: there is none of all members in %s after %d entries; see --snapshot-count of its member", snapshots, n)
		}
		if n > 0 && n%5000 == 0 {
			fmt.Fprintf(log, "%d entries without an effect were proposed\n", n)
		}
		if err := propose(ctx, v3); err != nil {
			return false, fmt.Errorf("have etcd take a snapshot of raft: %w", err)
		}
		if missing, err = unsaved(snapshots, all); err != nil {
			return false, err
		}
	}
	fmt.Fprintln(log, "etcd's newest snapshot of raft has all members")
	return true, nil
}

// startsNext36 tells whether the program that a member of a release starts as next can be one that loses voters.
func startsNext36(v version.Version) bool {
	return knowledge.LosesVoters(v) || knowledge.LosesVoters(version.Version{Major: v.Major, Minor: v.Minor + 1})
}

// unsaved names a voting member that the newest snapshot of raft does not have; nothing when it has all. Without a snapshot it has none.
func unsaved(dir string, all *ask.Cluster) (string, error) {
	files, err := snapfile.List(dir)
	if err != nil {
		return "", err
	}
	var voters []uint64
	for _, f := range files {
		// One that cannot be read is being written, was removed just now, or is passed over by etcd as well.
		if s, err := snapfile.Read(f); err == nil {
			voters = s.GetMetadata().GetConfState().GetVoters()
			break
		}
	}
	for _, m := range all.Members {
		if !m.Learner && !slices.Contains(voters, m.RaftID) {
			return m.Name, nil
		}
	}
	return "", nil
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
	_, err := c.AlarmList(ctx)
	// Where leadership has just moved, some are lost: nobody misses them.
	if errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail) || errors.Is(err, rpctypes.ErrLeaderChanged) || errors.Is(err, rpctypes.ErrTooManyRequests) {
		return nil
	}
	return err
}
