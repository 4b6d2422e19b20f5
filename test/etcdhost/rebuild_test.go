//go:build realetcd

package etcdhost

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func (m *member) stop(t *testing.T) {
	t.Helper()
	a := hostaction.EtcdStop{Run: cluster.EtcdAsProcess, Binary: m.program, DataDir: m.data}
	for range 2 { // the second time there is nothing to do
		if _, err := m.host(t).Stop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := local.AtDataDir(m.data); ok || err != nil {
		t.Fatalf("it runs: %t, %v", ok, err)
	}
}

// TestMigrate takes three members of 2.3 to 3.6 with writers stopped: one is migrated, and all come up from the same data. Then all of it goes back.
func TestMigrate(t *testing.T) {
	t.Parallel()
	all := members(t, "2.3.8", 3)
	start(t, all)
	for _, key := range []string{"/registry/pods/a", "/registry/pods/b"} {
		resp, err := http.PostForm(all[0].client+"/v2/keys"+key, url.Values{"value": {"x"}})
		must(t, err)
		resp.Body.Close()
	}
	for _, m := range all {
		m.stop(t)
	}
	path := filepath.Join(all[0].dir, "migrated.db")
	var snapshot hostaction.Snapshot
	for range 2 {
		var err error
		snapshot, err = all[0].host(t).Migrate(t.Context(), hostaction.EtcdMigrate{DataDir: all[0].data, To: v("3.6.16"), Snapshot: path})
		must(t, err)
		if !snapshot.Verified || snapshot.Keys != 2 {
			t.Fatalf("migrated %+v", snapshot)
		}
	}
	restore(t, all, snapshot, "from-v2")
	var actions []hostaction.EtcdReplace
	for _, m := range all {
		a := m.replace("2.3.8", "3.6.16", all)
		actions = append(actions, a)
		if _, err := m.host(t).Start(t.Context(), hostaction.EtcdStart{Member: a, Alone: true}); err != nil {
			t.Fatal(err)
		}
	}
	agree := hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v("3.6.16"), Members: names(all)}
	if _, err := all[0].host(t).Agree(t.Context(), agree); err != nil {
		t.Fatal(err)
	}
	if n := all[2].count(t, "pods/"); n != 2 {
		t.Errorf("%d keys", n)
	}

	for i, m := range all {
		if _, err := m.host(t).Rollback(t.Context(), hostaction.EtcdRollback{Member: actions[i], Alone: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range all {
		m.serves(t)
		m.is(t, "2.3.8")
	}
	resp, err := http.Get(all[1].client + "/v2/keys/registry/pods/b?quorum=true")
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the key is gone: %s", resp.Status)
	}
}

// restore makes all members of one snapshot, twice: the second time there is nothing to do.
func restore(t *testing.T, all []*member, s hostaction.Snapshot, token string) {
	t.Helper()
	var initial []string
	for _, m := range all {
		initial = append(initial, m.name+"="+m.peer)
	}
	for _, m := range all {
		a := hostaction.EtcdRestore{Snapshot: s.Path, SHA256: s.SHA256, DataDir: m.data, Name: m.name, PeerURL: m.peer, InitialCluster: initial, Token: token, RevisionBump: 1000}
		var kept []string
		for range 2 {
			if _, err := m.host(t).Restore(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			now, err := filepath.Glob(filepath.Join(m.data, ".etcd-migrate", "generations", "*"))
			must(t, err)
			if kept != nil && len(now) != len(kept) {
				t.Errorf("restored anew the second time: %v, %v", kept, now)
			}
			kept = now
		}
	}
}

// TestRestore loses two of three disks.
func TestRestore(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 3)
	start(t, all)
	all[0].put(t, "a", 30)
	s, err := all[0].host(t).Snapshot(t.Context(), hostaction.EtcdSnapshot{Access: all[0].access(), Version: v("3.5.35"), Path: filepath.Join(all[0].dir, "a.db"), DataDir: all[0].data})
	must(t, err)
	all[0].put(t, "later", 3)
	for _, m := range all {
		m.stop(t)
	}
	must(t, os.RemoveAll(all[1].data))
	must(t, os.RemoveAll(filepath.Join(all[2].data, "member")))
	bad := hostaction.EtcdRestore{Snapshot: s.Path, SHA256: strings.Repeat("0", 64), DataDir: all[0].data, Name: "m1", PeerURL: all[0].peer}
	if _, err := all[0].host(t).Restore(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another file than the one that was taken is restored: %v", err)
	}
	restore(t, all, s, "again")
	for _, m := range all {
		if _, err := m.host(t).Start(t.Context(), hostaction.EtcdStart{Member: m.replace("3.5.35", "3.5.35", all), Alone: true}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := all[0].host(t).Agree(t.Context(), hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v("3.5.35"), Members: names(all)})
	must(t, err)
	if got.Revision < s.Revision+1000 {
		t.Errorf("revision %d, and the snapshot's was %d", got.Revision, s.Revision)
	}
	if n, later := all[1].count(t, "a/"), all[1].count(t, "later/"); n != 30 || later != 0 {
		t.Errorf("%d keys from before, %d from after", n, later)
	}
}

// TestDowngrade takes a cluster of three back by etcd's own way, and up again.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	all := members(t, "3.6.16", 3)
	start(t, all)
	all[0].put(t, "a", 10)
	for range 2 {
		if _, err := all[0].host(t).Downgrade(t.Context(), hostaction.EtcdDowngrade{Access: accessAll(all[0], all), Version: v("3.5.35")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, hop := range [][2]string{{"3.6.16", "3.5.35"}, {"3.5.35", "3.6.16"}} {
		for _, m := range all {
			if _, err := m.host(t).Replace(t.Context(), m.replace(hop[0], hop[1], all)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := all[0].host(t).Agree(t.Context(), hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v(hop[1]), Members: names(all)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := all[2].count(t, "a/"); n != 10 {
		t.Errorf("%d keys", n)
	}
}
