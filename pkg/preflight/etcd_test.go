package preflight

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func ver(s string) version.Version { return version.MustParse(s) }

// healthyEtcd is three stacked members, and what is asked of them: from 3.5.35 to 3.6.16.
func healthyEtcd() EtcdInput {
	c := &cluster.Cluster{Kubeadm: cluster.KubeadmConfig{KubernetesVersion: ver("v1.34.2")}, Etcd: &cluster.Etcd{ID: "c1", Version: ver("3.5.0")}}
	ids := []string{"id-1", "id-2", "id-3"}
	for i := range 3 {
		name, ip := fmt.Sprintf("cp-%d", i+1), fmt.Sprintf("10.0.0.%d", i+1)
		c.Nodes = append(c.Nodes, cluster.Node{Name: name, Role: cluster.ControlPlane, Ready: true, Addresses: []string{ip},
			StaticPods: []cluster.StaticPod{{Component: "kube-apiserver", Version: ver("v1.34.2"), Ready: true}}})
		c.Etcd.Members = append(c.Etcd.Members, cluster.EtcdMember{
			Name: name, ID: ids[i], Node: name, Leader: i == 0, ClientURLs: []string{"https://" + ip + ":2379"},
			EtcdStatus: cluster.EtcdStatus{Version: ver("3.5.35"), DBSize: 100 << 20, Quota: 2 << 30},
			Process:    &cluster.EtcdProcess{Run: cluster.EtcdAsPod, DataDir: "/var/lib/etcd", Disk: cluster.Disk{Path: "/var/lib/etcd", Free: 10 << 30, Total: 20 << 30}, Data: &cluster.EtcdData{}},
		})
		c.Etcd.Views = append(c.Etcd.Views, cluster.EtcdView{Node: name, ClusterID: "c1", Members: ids})
		c.Etcd.Clients = append(c.Etcd.Clients, cluster.EtcdClient{Node: name, Servers: []string{"https://127.0.0.1:2379"}})
	}
	return EtcdInput{Cluster: c, To: ver("3.6.16"), Nodes: []string{"cp-1", "cp-2", "cp-3"}, Pinned: true,
		Hops: []knowledge.Hop{{Kind: knowledge.Upgrade, From: ver("3.5.35"), To: ver("3.6.16")}}}
}

func TestHealthyEtcdIsNotComplainedOf(t *testing.T) {
	if fs := Etcd(healthyEtcd()); len(fs) != 0 {
		t.Errorf("findings %+v", fs)
	}
}

// onV2 has all API servers keep their objects by the v2 API, and the way lead to the v3 API.
func onV2(in *EtcdInput) {
	for i := range in.Cluster.Etcd.Clients {
		in.Cluster.Etcd.Clients[i].Backend = "etcd2"
	}
	for i := range in.Cluster.Etcd.Members {
		in.Cluster.Etcd.Members[i].Version = ver("2.3.8")
	}
	in.Hops = []knowledge.Hop{{Kind: knowledge.Convert, From: ver("2.3.8"), To: in.To}}
}

func TestWhatStandsInTheWayOfEtcd(t *testing.T) {
	tests := map[string]struct {
		spoil func(*EtcdInput)
		want  []string // ID, severity and object
		say   string
	}{
		"a member is down": {func(in *EtcdInput) { in.Cluster.Etcd.Members[1].Error = "connection refused" },
			[]string{`etcd-member-down error etcd member "cp-2"`}, "connection refused"},
		"a member is down in the middle of its replacement": {func(in *EtcdInput) {
			in.Cluster.Etcd.Members[1].Error, in.Begun = "connection refused", []string{"cp-2"}
		}, []string{`etcd-member-begun warning etcd member "cp-2"`}, "goes on first"},
		"a member that raft has forgotten": {func(in *EtcdInput) {
			in.Cluster.Etcd.Members[1].Lost, in.Cluster.Etcd.Members[1].Error = true, "cp-1 leads, and its raft has forgotten that cp-2 is a member"
		}, []string{`etcd-voter-lost error etcd member "cp-2"`}, "forgotten"},
		"a learner": {func(in *EtcdInput) { in.Cluster.Etcd.Members[2].Learner = true }, []string{`etcd-learner error etcd member "cp-3"`}, "learner"},
		"alarms on two members": {func(in *EtcdInput) {
			in.Cluster.Etcd.Members[0].Alarms, in.Cluster.Etcd.Members[1].Alarms = []string{"NOSPACE"}, []string{"CORRUPT"}
		}, []string{`etcd-alarm error etcd member "cp-1"`, `etcd-alarm error etcd member "cp-2"`}, "NOSPACE"},
		"no leader": {func(in *EtcdInput) { in.Cluster.Etcd.Members[0].Leader = false }, []string{"etcd-no-leader error etcd"}, "majority"},
		"one member": {func(in *EtcdInput) {
			in.Cluster.Etcd.Members = in.Cluster.Etcd.Members[:1]
			in.Cluster.Etcd.Clients = in.Cluster.Etcd.Clients[:1]
		}, []string{"etcd-quorum warning etcd"}, "the only member"},
		"two on one host": {func(in *EtcdInput) { in.Cluster.Etcd.Members[0].Process.Others = []string{"/data/b"} },
			[]string{`etcd-several-per-host error node "cp-1"`}, "/var/lib/etcd, /data/b"},
		"two members elsewhere": {func(in *EtcdInput) {
			for i := range 2 {
				in.Cluster.Etcd.Members[i].Node, in.Cluster.Etcd.Members[i].Process = "", nil
			}
			in.Cluster.Etcd.Clients = nil
		}, []string{"etcd-external error etcd"}, "cp-1 (https://10.0.0.1:2379), cp-2 (https://10.0.0.2:2379)"},
		"another cluster behind a host": {func(in *EtcdInput) { in.Cluster.Etcd.Views[2].ClusterID = "c2" }, []string{`etcd-views-differ error node "cp-3"`}, "c2"},
		"other members in a host's eyes": {func(in *EtcdInput) { in.Cluster.Etcd.Views[1].Members = []string{"id-1", "id-2"} },
			[]string{`etcd-views-differ error node "cp-2"`}, "id-1, id-2, id-3"},
		"a host without etcd": {func(in *EtcdInput) {
			in.Cluster.Etcd.Views[1] = cluster.EtcdView{Node: "cp-2", Error: "no certificate"}
		},
			[]string{`etcd-not-reached error node "cp-2"`}, "no certificate"},
		"an address of nobody": {func(in *EtcdInput) {
			in.Cluster.Etcd.Clients[0].Servers = []string{"https://10.0.0.2:2379", "https://10.9.9.9:2379"}
		},
			[]string{`etcd-client-unmatched warning API server on node "cp-1"`}, "10.9.9.9"},
		"snapshots inside of the data": {func(in *EtcdInput) { in.BackupDir = in.Cluster.Etcd.Members[0].Process.DataDir + "/backup" },
			[]string{`etcd-backup-inside error etcd member "cp-1"`, `etcd-backup-inside error etcd member "cp-2"`, `etcd-backup-inside error etcd member "cp-3"`}, "--backup-dir"},
		"four fifths full": {func(in *EtcdInput) { in.Cluster.Etcd.Members[0].DBSize = 1640 << 20 }, []string{`etcd-quota warning etcd member "cp-1"`}, "80%"},
		"nearly full":      {func(in *EtcdInput) { in.Cluster.Etcd.Members[0].DBSize = 1900 << 20 }, []string{`etcd-quota warning etcd member "cp-1"`}, "92%"},
		"no room":          {func(in *EtcdInput) { in.Cluster.Etcd.Members[0].Process.Disk.Free = 200 << 20 }, []string{`etcd-space error etcd member "cp-1"`}, "200 MiB free"},
		"v2 leftovers": {func(in *EtcdInput) {
			in.Cluster.Etcd.Members[0].Process.Data = &cluster.EtcdData{V2Keys: 3, V2Writes: 1, V2Prefixes: map[string]int{"/coreos.com": 2, "/calico": 1}}
		}, []string{`etcd-v2-leftovers error etcd member "cp-1"`}, "/calico: 1, /coreos.com: 2"},
		"zombies": {func(in *EtcdInput) {
			in.Cluster.Etcd.Members[1].Process.Data.Zombies = []string{"member 12 is gone and still in the database"}
		},
			[]string{`etcd-zombie error etcd member "cp-2"`}, "member 12"},
		"zombies that the way mends": {func(in *EtcdInput) {
			m := &in.Cluster.Etcd.Members[1]
			m.Version, m.Process.Data.Zombies = ver("3.5.21"), []string{"member 12 is gone and still in the database"}
		}, []string{"etcd-mixed warning etcd", `etcd-zombie warning etcd member "cp-2"`}, "3.5.35, which mends it"},
		"passwords before 3.5": {func(in *EtcdInput) {
			in.Hops = []knowledge.Hop{{Kind: knowledge.Upgrade, From: ver("3.4.45"), To: ver("3.5.35")}}
			in.To = ver("3.5.35")
			for i := range in.Cluster.Etcd.Members {
				in.Cluster.Etcd.Members[i].Version, in.Cluster.Etcd.Members[i].Auth = ver("3.4.45"), true
			}
		}, []string{"etcd-auth error etcd"}, "auth disable"},
		"a flag that is not taken": {func(in *EtcdInput) {
			in.Settings = []EtcdSetting{{Member: "cp-2", Problem: knowledge.Problem{ID: "etcd-flag-unknown", Message: "--x is not known"}}}
		}, []string{`etcd-flag-unknown error etcd member "cp-2"`}, "--x"},
		"no image on two nodes": {func(in *EtcdInput) {
			in.Images = []EtcdImage{{Node: "cp-2", Version: ver("3.6.16"), Errors: []string{"not found"}}, {Node: "cp-3", Version: ver("3.6.16"), Errors: []string{"not found"}}, {Node: "cp-1", Version: ver("3.6.16")}}
		}, []string{`etcd-image-missing error node "cp-2"`, `etcd-image-missing error node "cp-3"`}, "not found"},
		"no program": {func(in *EtcdInput) {
			in.Images = []EtcdImage{{Node: "cp-2", Version: ver("3.6.16"), Program: true, Errors: []string{"the image brings 3.5.35"}}}
		}, []string{`etcd-program-missing error node "cp-2"`}, "3.5.35"},
		"an API server with v2 data": {func(in *EtcdInput) {
			in.Cluster.Kubeadm.KubernetesVersion = ver("v1.12.0")
			for i := range in.Cluster.Nodes {
				in.Cluster.Nodes[i].StaticPods[0].Version = ver("v1.12.0")
			}
			in.Cluster.Etcd.Clients[1].Backend = "etcd2"
		}, []string{`v2-api-gone error API server on node "cp-2"`, `storage-backend-deprecated warning API server on node "cp-2"`, `etcd-half-converted error API server on node cp-2`}, "v2 API"},
		"the way to the v3 API": {onV2, []string{"etcd-v2-downtime error API server on node cp-1, cp-2, cp-3"}, "--allow-downtime"},
		"the way to the v3 API from one of its own releases": {func(in *EtcdInput) {
			onV2(in)
			in.Downtime = true
			for i := range in.Cluster.Etcd.Members {
				in.Cluster.Etcd.Members[i].Version = ver("3.0.17")
			}
		}, []string{`etcd-v2-release error etcd member "cp-1"`, `etcd-v2-release error etcd member "cp-2"`, `etcd-v2-release error etcd member "cp-3"`}, "no way back"},
		"an API server with v2 data and no member beside it": {func(in *EtcdInput) {
			onV2(in)
			in.Downtime = true
			in.Cluster.Etcd.Clients = append(in.Cluster.Etcd.Clients, cluster.EtcdClient{Node: "cp-4", Backend: "etcd2", Servers: in.Cluster.Etcd.Clients[0].Servers})
		}, []string{`etcd-v2-elsewhere error API server on node "cp-4"`, `etcd-client-unmatched warning API server on node "cp-4"`}, "etcd-migrate"},
		"a node is not Ready": {func(in *EtcdInput) {
			in.Cluster.Nodes[2].Ready, in.Cluster.Nodes[2].NotReadyCause = false, "kubelet stopped"
		},
			[]string{`node-not-ready error node "cp-3"`}, "kubelet stopped"},
		"an older target": {func(in *EtcdInput) { in.To, in.Hops = ver("3.5.30"), nil }, []string{"etcd-older error --to 3.5.30"}, "etcd downgrade --to 3.5"},
		"members two minors apart": {func(in *EtcdInput) { in.Cluster.Etcd.Members[1].Version = ver("3.3.27") },
			[]string{"etcd-mixed error etcd"}, "more than one minor apart"},
		"a release that loses data": {func(in *EtcdInput) {
			for i := range in.Cluster.Etcd.Members {
				in.Cluster.Etcd.Members[i].Version = ver("3.5.1")
			}
		}, []string{`etcd-bad-release warning etcd member "cp-1"`, `etcd-bad-release warning etcd member "cp-2"`, `etcd-bad-release warning etcd member "cp-3"`}, "can lose writes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := healthyEtcd()
			tt.spoil(&in)
			var got []string
			told := false
			for _, f := range Etcd(in) {
				got = append(got, fmt.Sprintf("%s %s %s", f.ID, f.Severity, f.Object))
				told = told || strings.Contains(f.Message+f.Fix, tt.say)
				if f.Severity == Error && f.Fix == "" && len(in.Settings) == 0 {
					t.Errorf("%s says nothing of what to do", f.ID)
				}
			}
			slices.Sort(tt.want)
			slices.Sort(got)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if !told {
				t.Errorf("no finding says %q", tt.say)
			}
		})
	}
}

func TestOnlyTheAPIServerWasAsked(t *testing.T) {
	in := healthyEtcd()
	in.Cluster.Etcd = nil
	in.Cluster.Nodes[0].StaticPods[0].Ready = false
	fs := Etcd(in)
	if len(fs) != 1 || fs[0].ID != StaticPodNotReady {
		t.Errorf("findings %+v; want the API server that is not ready", fs)
	}
}

func TestAddressesAreTakenApart(t *testing.T) {
	for address, want := range map[string][2]string{
		"https://10.0.0.1:2379": {"10.0.0.1", "2379"}, "http://[fd00::1]:2379/": {"fd00::1", "2379"}, "10.0.0.1:2379": {"10.0.0.1", "2379"}, "https://etcd": {"etcd", ""}, "[fd00::1]": {"fd00::1", ""},
	} {
		if h, p := split(address); h != want[0] || p != want[1] {
			t.Errorf("%s: %s, %s; want %v", address, h, p, want)
		}
	}
}
