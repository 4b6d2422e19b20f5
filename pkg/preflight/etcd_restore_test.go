package preflight

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// illEtcd is three stacked members of which hardly one is well, and a snapshot that is in order.
func illEtcd() EtcdRestoreInput {
	c := healthyEtcd().Cluster
	c.UID = "u1"
	s := hostaction.Snapshot{Size: 100 << 20, SHA256: "abc", Version: ver("3.5.0"), Verified: true, Kubernetes: "u1"}
	for i := range c.Etcd.Members {
		m := &c.Etcd.Members[i]
		m.PeerURLs = []string{fmt.Sprintf("https://10.0.0.%d:2380", i+1)}
		m.Alarms, m.Leader = []string{"CORRUPT"}, false
		s.Members = append(s.Members, m.Name+"="+m.PeerURLs[0])
	}
	c.Etcd.Members[2].Error = "connection refused"
	c.Etcd.Views[2] = cluster.EtcdView{Node: "cp-3", Error: "connection refused"}
	return EtcdRestoreInput{Cluster: c, Nodes: []string{"cp-1", "cp-2", "cp-3"}, File: "/b/etcd.db@cp-1", Snapshot: s}
}

func TestIllMembersAreNoReasonNotToRestore(t *testing.T) {
	if fs := EtcdRestore(illEtcd()); len(fs) != 0 {
		t.Errorf("findings %+v", fs)
	}
}

func TestWhatStandsInTheWayOfARestore(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*EtcdRestoreInput)
		want  []string // ID and severity
		say   string
	}{
		"a broken file": {func(in *EtcdRestoreInput) {
			in.Problem, in.Snapshot = "its sum is a, and it says b", hostaction.Snapshot{}
		}, []string{"etcd-snapshot-bad error"}, "its sum"},
		"the objects of another cluster": {func(in *EtcdRestoreInput) { in.Snapshot.Kubernetes = "u2" }, []string{"etcd-snapshot-foreign error"}, "u2"},
		"the members of another cluster": {func(in *EtcdRestoreInput) {
			in.Snapshot.Kubernetes, in.Snapshot.Members = "", []string{"cp-1=https://10.9.0.1:2380"}
		},
			[]string{"etcd-snapshot-foreign error"}, "10.9.0.1"},
		"a member was replaced since": {func(in *EtcdRestoreInput) { in.Snapshot.Members[2] = "cp-0=https://10.0.0.9:2380" }, []string{"etcd-snapshot-members warning"}, "cp-0"},
		"a snapshot of a newer release": {func(in *EtcdRestoreInput) { in.Snapshot.Version = ver("3.6.0") },
			[]string{"etcd-snapshot-release error", "etcd-snapshot-release error", "etcd-snapshot-release error"}, "3.6"},
		"a snapshot of two minors before": {func(in *EtcdRestoreInput) { in.Cluster.Etcd.Members[0].Version = ver("3.7.3") }, []string{"etcd-snapshot-release error"}, "more than one"},
		"no room":                         {func(in *EtcdRestoreInput) { in.Cluster.Etcd.Members[1].Process.Disk.Free = 100 << 20 }, []string{"etcd-space error"}, "100"},
		"a node that cannot be reached":   {func(in *EtcdRestoreInput) { in.Cluster.Nodes[1].Ready = false }, []string{"node-not-ready error"}, "Ready"},
		"a service":                       {func(in *EtcdRestoreInput) { in.Cluster.Etcd.Members[0].Process.Run = cluster.EtcdAsService }, []string{"etcd-not-stacked error"}, "static pod"},
		"a member elsewhere":              {func(in *EtcdRestoreInput) { in.Cluster.Etcd.Members[0].Node = "" }, []string{"etcd-not-stacked error"}, "static pod"},
		"two clusters":                    {func(in *EtcdRestoreInput) { in.Cluster.Etcd.Views[1].ClusterID = "c2" }, []string{"etcd-views-differ error"}, "c2"},
		"no member":                       {func(in *EtcdRestoreInput) { in.Cluster.Etcd.Members = nil }, []string{"etcd-none error"}, "no member"},
	} {
		in := illEtcd()
		test.spoil(&in)
		var got []string
		said := ""
		for _, f := range EtcdRestore(in) {
			got = append(got, f.ID+" "+string(f.Severity))
			said += f.Message
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if !strings.Contains(said, test.say) {
			t.Errorf("%s: %q is not said: %s", name, test.say, said)
		}
	}
}
