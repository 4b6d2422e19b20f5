package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func lost() EtcdRestoreInput {
	c := stacked("3.5.21", "cp-1", "cp-2", "cp-3")
	for i := range c.Etcd.Members {
		m := &c.Etcd.Members[i]
		m.PeerURLs, m.Revision = []string{fmt.Sprintf("https://10.0.0.%d:2380", i+1)}, 5000
	}
	return EtcdRestoreInput{Cluster: c, From: EtcdBackup{Node: "cp-2", Path: "/b/etcd.db"},
		Snapshot: hostaction.Snapshot{Size: 4096 + 32, SHA256: strings.Repeat("ab", 32), Revision: 4000, Keys: 7, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
}

func restorePlan(t *testing.T, in EtcdRestoreInput) *Plan {
	t.Helper()
	p, err := ForEtcdRestore(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRestoreGivesEveryHostItsPartFirst: nothing can be asked of a host any more once the first has begun.
func TestRestoreGivesEveryHostItsPartFirst(t *testing.T) {
	in := lost()
	p := restorePlan(t, in)
	var got []string
	for s := range p.Steps() {
		got = append(got, fmt.Sprintf("%s %s %s %t", s.ID, s.Kind, s.Node, s.Changes))
	}
	want := []string{
		"bring/cp-1/snapshot etcd-bring cp-1 false", "bring/cp-3/snapshot etcd-bring cp-3 false",
		"arm/cp-1/begin etcd-begin cp-1 false", "arm/cp-3/begin etcd-begin cp-3 false",
		"begin/cluster/first etcd-begin cp-2 true", "begin/cluster/return etcd-return cp-2 true",
		"members/cp-1/rebuild etcd-rebuild cp-1 true", "members/cp-2/rebuild etcd-rebuild cp-2 true", "members/cp-3/rebuild etcd-rebuild cp-3 true",
		"agree/cluster/members etcd-agree cp-2 false", "agree/cluster/serves etcd-serves cp-2 false",
		"settle/cp-1/forget etcd-settle cp-1 true", "settle/cp-2/forget etcd-settle cp-2 true", "settle/cp-3/forget etcd-settle cp-3 true",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	actions := map[string]hostaction.EtcdRebuild{}
	for s := range p.Steps() {
		switch s.Kind {
		case EtcdBegin:
			b, err := Params[EtcdBeginParams](s)
			if err != nil {
				t.Fatal(err)
			}
			actions[b.Step] = b.Action
		case Kind(hostaction.EtcdRebuild{}.Kind()):
			a, err := Params[hostaction.EtcdRebuild](s)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(actions[s.ID], a); d != "" {
				t.Errorf("%s asks for something else than was begun: %s", s.ID, d)
			}
		}
	}
	a := actions["members/cp-2/rebuild"]
	if a.Follow || a.Restore.Snapshot != "/b/etcd.db" || a.Restore.PeerURL != "https://10.0.0.2:2380" || len(a.Restore.InitialCluster) != 3 ||
		!slices.Equal(a.Peers, []string{"https://10.0.0.1:2380", "https://10.0.0.3:2380"}) || a.Member.Version != v("3.5.21") || a.Restore.RevisionBump != bump {
		t.Errorf("the first does %+v", a)
	}
	if a = actions["members/cp-3/rebuild"]; !a.Follow || a.Restore.Snapshot != SnapshotPath(in.Snapshot.SHA256) {
		t.Errorf("another one does %+v", a)
	}
	if !strings.Contains(strings.Join(p.Reasons, "\n"), "since 2026-01-02 03:04:05 UTC is lost") {
		t.Errorf("it is not said what is lost: %q", p.Reasons)
	}
}

// TestRestoreNeverComesTwice: a second restore is another cluster, with revisions that nobody has seen; one that was begun goes on as it was.
func TestRestoreNeverComesTwice(t *testing.T) {
	in := lost()
	first := restorePlan(t, in)
	in.Begun = &hostaction.EtcdRebuilt{SHA256: in.Snapshot.SHA256, Token: first.Etcd.Restore.Token, Bump: first.Etcd.Restore.Bump, ClusterID: first.Etcd.Restore.ClusterID}
	in.Cluster.Etcd.ID = first.Etcd.Restore.ClusterID
	for i := range in.Cluster.Etcd.Members {
		in.Cluster.Etcd.Members[i].Revision = in.Snapshot.Revision + bump + 77
	}
	if again := restorePlan(t, in); again.Etcd.Restore.ClusterID != first.Etcd.Restore.ClusterID || again.Etcd.Restore.Bump != bump {
		t.Errorf("what was begun goes on as %+v", again.Etcd.Restore)
	}
	in.Begun = nil
	if second := restorePlan(t, in); second.Etcd.Restore.ClusterID == first.Etcd.Restore.ClusterID || second.Etcd.Restore.Bump != 2*bump {
		t.Errorf("another one is %+v", second.Etcd.Restore)
	}
}

// TestRestoreFromThisMachine brings the file to every host, and a lone member has nobody to wait for it.
func TestRestoreFromThisMachine(t *testing.T) {
	in := lost()
	in.From = EtcdBackup{Path: "./etcd.db"}
	in.Cluster.Etcd.Members = in.Cluster.Etcd.Members[:1]
	p := restorePlan(t, in)
	var ids []string
	for _, ph := range p.Phases {
		ids = append(ids, ph.ID)
	}
	if d := cmp.Diff([]string{"bring", "begin", "members", "agree", "settle"}, ids); d != "" {
		t.Error(d)
	}
}
