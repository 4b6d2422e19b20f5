//go:build realetcd

package etcdhost

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// megabyte is as much of the log as etcd replays in one go; where the first such part ends, 3.6 takes its snapshot.
const megabyte = 1 << 20

// young makes a cluster as kubeadm does: one member, to which the others come as learners, with more in the log between them than is replayed in one go.
func young(t *testing.T) []*member {
	t.Helper()
	all := members(t, "3.5.35", 3, "--snapshot-count=10000")
	initial := slices.Index(all[0].args, "--initial-cluster") + 1
	var known []string
	for i, m := range all {
		known = append(known, m.name+"="+m.peer)
		m.args[initial] = strings.Join(known, ",")
		if i == 0 {
			m.start(t)
			m.serves(t)
			continue
		}
		all[0].putLarge(t, 3*megabyte/4)
		all[0].join(t, m)
	}
	return all
}

// join adds a member as a learner and promotes it.
func (m *member) join(t *testing.T, other *member) {
	t.Helper()
	var added *clientv3.MemberAddResponse
	eventually(t, "add "+other.name, func(ctx context.Context) (err error) {
		added, err = m.v3(t).MemberAddAsLearner(ctx, []string{other.peer})
		return err
	})
	other.args = append(other.args, "--initial-cluster-state", "existing")
	other.start(t)
	eventually(t, "promote "+other.name, func(ctx context.Context) error {
		_, err := m.v3(t).MemberPromote(ctx, added.Member.ID)
		return err
	})
	other.serves(t)
}

// putLarge writes that many bytes.
func (m *member) putLarge(t *testing.T, size int) {
	t.Helper()
	c := m.v3(t)
	for i := 0; i < size; i += 4000 {
		if _, err := c.Put(t.Context(), fmt.Sprint("/registry/large/", i%40_000), strings.Repeat("x", 4000)); err != nil {
			t.Fatal(err)
		}
	}
}

// restart ends the member as a host does that is shut down, and starts it as a release.
func (m *member) restart(t *testing.T, release string) {
	t.Helper()
	p, ok, err := local.AtDataDir(m.data)
	if err != nil || !ok {
		t.Fatalf("%s does not run: %v", m.name, err)
	}
	must(t, syscall.Kill(p.PID, syscall.SIGTERM))
	eventually(t, m.name+" ends", func(context.Context) error {
		if _, ok, err := local.AtDataDir(m.data); ok || err != nil {
			return fmt.Errorf("it runs still (%v)", err)
		}
		return nil
	})
	must(t, os.Remove(m.program))
	must(t, disk.Copy(filepath.Join(tools, "etcd-"+release), m.program))
	m.start(t)
}

// rounds takes all members to a release, and starts each of them anew that many times.
func rounds(t *testing.T, all []*member, release string, times int) {
	t.Helper()
	for range times {
		for _, m := range all {
			m.restart(t, release)
			m.serves(t)
		}
		eventually(t, "the cluster is of "+release, func(ctx context.Context) error {
			a, err := all[0].asks(t).Status(ctx, all[0].client)
			if err == nil && !a.ClusterVersion.SameMinor(v(release)) {
				err = fmt.Errorf("it is of %s", a.ClusterVersion)
			}
			return err
		})
	}
}

// TestVotersLost has real members of 3.6 lose one of them, which the list of members does not tell, and wants everybody to notice who would rely on it.
func TestVotersLost(t *testing.T) {
	t.Parallel()
	all := young(t)
	rounds(t, all, "3.6.16", 2)
	// From the third start on nobody may wait for the member that is lost: it hears of nothing, and so does not even answer its clients.
	for _, m := range all {
		m.restart(t, "3.6.16")
	}
	var now *ask.Cluster
	eventually(t, "a member is lost", func(ctx context.Context) (err error) {
		if now, err = all[0].asks(t).Cluster(ctx, accessAll(all[0], all).Endpoints); err != nil {
			return err
		}
		if !slices.ContainsFunc(now.Members, func(m ask.Member) bool { return m.Lost }) {
			return fmt.Errorf("none is: %+v", now.Members)
		}
		return nil
	})
	lost := slices.IndexFunc(now.Members, func(m ask.Member) bool { return m.Lost })
	if m := now.Members[lost]; len(now.Members) != 3 || m.Name != "m3" || !strings.Contains(m.Error, "its raft has forgotten that m3 is a member") {
		t.Errorf("lost: %+v", m)
	}
	disagree(t, all, hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v("3.6.16"), Members: names(all)}, nil, "its raft has forgotten that m3 is a member")
	if _, err := all[0].host(t).Replace(t.Context(), all[0].replace("3.6.16", "3.7.3", all)); err == nil || !strings.Contains(err.Error(), "1 of the other 2 members are healthy, and 2 have to be: m3") {
		t.Errorf("a member is replaced although another one is lost: %v", err)
	}
}

// TestKeepVoters: with a snapshot of raft before, no member is lost, whatever is started how often, and the data are as before.
func TestKeepVoters(t *testing.T) {
	t.Parallel()
	all := young(t)
	before, err := all[0].v3(t).Get(t.Context(), "/registry/", clientv3.WithPrefix())
	must(t, err)
	for i, m := range all {
		var said strings.Builder
		c := m.asks(t)
		now, err := c.Cluster(t.Context(), accessAll(m, all).Endpoints)
		must(t, err)
		taken, err := etcdhost.KeepVoters(t.Context(), &said, m.local(t), c, now)
		must(t, err)
		if i == 0 && (!taken || !strings.Contains(said.String(), "newest snapshot of raft has all members, and no other")) {
			t.Errorf("no snapshot was taken: %q", said.String())
		}
		if taken, err = etcdhost.KeepVoters(t.Context(), t.Output(), m.local(t), c, now); taken || err != nil {
			t.Errorf("a snapshot is taken twice, or: %v", err)
		}
	}
	rounds(t, all, "3.6.16", 3)
	got, err := all[0].host(t).Agree(t.Context(), hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v("3.6.16"), Members: names(all)})
	must(t, err)
	if got.Revision != before.Header.Revision {
		t.Errorf("revision %d, before %d", got.Revision, before.Header.Revision)
	}
	after, err := all[2].v3(t).Get(t.Context(), "/registry/", clientv3.WithPrefix())
	must(t, err)
	if after.Count != before.Count {
		t.Errorf("%d keys, before %d", after.Count, before.Count)
	}
}
