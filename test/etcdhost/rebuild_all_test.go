//go:build realetcd

package etcdhost

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// rebuilds are what each host is asked for. The first member is the one that begins.
func rebuilds(all []*member, release string, s hostaction.Snapshot, token string) []hostaction.EtcdRebuild {
	var initial []string
	for _, m := range all {
		initial = append(initial, m.name+"="+m.peer)
	}
	var out []hostaction.EtcdRebuild
	for i, m := range all {
		a := hostaction.EtcdRebuild{
			Restore: hostaction.EtcdRestore{Snapshot: s.Path, SHA256: s.SHA256, DataDir: m.data, Name: m.name, PeerURL: m.peer, InitialCluster: initial, Token: token, RevisionBump: 1000},
			Member:  m.replace(release, release, all), Follow: i > 0, Patience: time.Minute,
		}
		for _, o := range all {
			if o != m {
				a.Peers = append(a.Peers, o.peer)
			}
		}
		out = append(out, a)
	}
	return out
}

func snapshotOf(t *testing.T, m *member, release string) hostaction.Snapshot {
	t.Helper()
	s, err := m.host(t).Snapshot(t.Context(), hostaction.EtcdSnapshot{Access: m.access(), Version: v(release), Path: filepath.Join(m.dir, "a.db"), DataDir: m.data})
	must(t, err)
	return s
}

// TestRebuild has three hosts make their members anew without anybody who tells them when.
func TestRebuild(t *testing.T) {
	t.Parallel()
	const release = "3.5.35"
	all := members(t, release, 3)
	start(t, all)
	all[0].put(t, "a", 30)
	s := snapshotOf(t, all[0], release)
	if len(s.Members) != 3 || s.Members[0] != "m1="+all[0].peer {
		t.Errorf("the snapshot is said to be of %v", s.Members)
	}
	all[0].put(t, "later", 3)
	actions := rebuilds(all, release, s, "again")
	var hosts errgroup.Group
	for i := range slices.Backward(all) { // those that wait come first
		hosts.Go(func() error {
			_, err := all[i].host(t).Rebuild(t.Context(), actions[i])
			return err
		})
	}
	must(t, hosts.Wait())
	got, err := all[0].host(t).Agree(t.Context(), hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v(release), Members: names(all)})
	must(t, err)
	if got.Revision < s.Revision+1000 {
		t.Errorf("revision %d, and the snapshot's was %d", got.Revision, s.Revision)
	}
	if n, later := all[1].count(t, "a/"), all[2].count(t, "later/"); n != 30 || later != 0 {
		t.Errorf("%d keys from before, %d from after", n, later)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if _, err := all[1].v3(t).Get(ctx, "/registry/a/0", clientv3.WithRev(s.Revision)); err == nil || !strings.Contains(err.Error(), "compacted") {
		t.Errorf("what was before can be read, and is not compacted: %v", err)
	}
	for i, m := range all {
		kept, err := filepath.Glob(filepath.Join(m.data, ".etcd-migrate", "generations", "*", "member"))
		must(t, err)
		if len(kept) != 1 {
			t.Errorf("%s keeps %v", m.name, kept)
		}
		// Asked again, it has nothing to do.
		before := m.pid(t)
		if _, err := m.host(t).Rebuild(t.Context(), actions[i]); err != nil {
			t.Fatal(err)
		}
		if m.pid(t) != before {
			t.Errorf("%s was started once more", m.name)
		}
		c, err := m.asks(t).Cluster(t.Context(), []string{m.client})
		must(t, err)
		if _, err := m.host(t).Settle(t.Context(), hostaction.EtcdSettle{ClusterID: c.ID}); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	for _, m := range all {
		if _, err := os.Stat(filepath.Join(m.work.EtcdKept(), ".rebuilt")); err == nil {
			left = append(left, m.name)
		}
	}
	if len(left) > 0 {
		t.Errorf("%v still say that a rebuild was begun", left)
	}
}

// TestRebuildThatDoesNotBegin: who waits is recalled, and what cannot be restored leaves everything as it was.
func TestRebuildThatDoesNotBegin(t *testing.T) {
	t.Parallel()
	const release = "3.6.16"
	all := members(t, release, 2)
	start(t, all)
	all[0].put(t, "a", 3)
	s := snapshotOf(t, all[0], release)
	actions := rebuilds(all, release, s, "again")
	before := []int{all[0].pid(t), all[1].pid(t)}

	waits := make(chan error, 1)
	go func() {
		_, err := all[1].host(t).Rebuild(t.Context(), actions[1])
		waits <- err
	}()
	bad := actions[0]
	bad.Restore.SHA256 = strings.Repeat("0", 64)
	if _, err := all[0].host(t).Rebuild(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another file than the one that was checked is restored: %v", err)
	}
	// It may not be waiting yet, and then takes no notice of what was recalled before.
	eventually(t, "the other one is recalled", func(ctx context.Context) error {
		if _, err := all[1].host(t).Recall(ctx, hostaction.EtcdRecall{}); err != nil {
			return err
		}
		select {
		case err := <-waits:
			if err == nil || !strings.Contains(err.Error(), "recalled") {
				t.Errorf("recalled: %v", err)
			}
			return nil
		case <-time.After(2 * time.Second):
			return context.DeadlineExceeded
		}
	})
	if after := []int{all[0].pid(t), all[1].pid(t)}; !slices.Equal(before, after) {
		t.Errorf("members were started anew: %v, %v", before, after)
	}
	id, err := all[0].asks(t).PeerCluster(t.Context(), all[1].peer)
	must(t, err)
	c, err := all[0].asks(t).Cluster(t.Context(), []string{all[0].client})
	must(t, err)
	if id != c.ID || c.ID == ask.Hex(0) {
		t.Errorf("a peer says it is of %s, a member of %s", id, c.ID)
	}
}

func (m *member) pid(t *testing.T) int {
	t.Helper()
	return m.local(t).PID
}
