package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func etcdCluster() *cluster.Cluster {
	servers := []cluster.StaticPod{{Component: "kube-apiserver", EtcdServers: []string{"https://127.0.0.1:2379", "https://10.0.0.9:2379", "https://[fd00::4]:2379"}}}
	return &cluster.Cluster{Nodes: []cluster.Node{
		{Name: "cp-1", Role: cluster.ControlPlane, Addresses: []string{"10.0.0.1"}, StaticPods: servers},
		{Name: "cp-2", Role: cluster.ControlPlane, Addresses: []string{"10.0.0.2"}},
		{Name: "w-1", Role: cluster.Worker, Addresses: []string{"10.0.0.8"}},
		{Name: "w-2", Role: cluster.Worker, Addresses: []string{"10.0.0.9", "w-2"}},
		{Name: "w-3", Role: cluster.Worker, Addresses: []string{"fd00::4"}},
	}}
}

func TestNodesThatHaveToDoWithEtcd(t *testing.T) {
	if d := cmp.Diff([]string{"cp-1", "cp-2", "w-2", "w-3"}, EtcdNodes(etcdCluster())); d != "" {
		t.Error(d)
	}
}

func TestWhatHostsSayIsPutTogether(t *testing.T) {
	v := version.MustParse("3.5.21")
	member := func(name, ip string) cluster.EtcdMember {
		return cluster.EtcdMember{Name: name, ID: "id-" + name, PeerURLs: []string{"https://" + ip + ":2380"}, EtcdStatus: cluster.EtcdStatus{Version: v}}
	}
	quota := member("cp-1", "10.0.0.1")
	quota.Quota = 2 << 30
	down := member("etcd-c", "10.0.0.9")
	down.Error = "connection refused"
	outside := member("outside", "10.9.9.9")
	hosts := map[string]hostaction.EtcdHost{
		"cp-1": {Local: "cp-1", ClusterID: "c1", Version: v, Members: []cluster.EtcdMember{quota, member("cp-2", "10.0.0.2"), down, outside},
			Process: &cluster.EtcdProcess{Run: cluster.EtcdAsPod}, Client: &cluster.EtcdClient{Servers: []string{"https://127.0.0.1:2379"}}},
		// It is called otherwise than its node.
		"cp-2": {Local: "cp-2", ClusterID: "c1", Version: v, Members: []cluster.EtcdMember{member("cp-1", "10.0.0.1"), member("cp-2", "10.0.0.2"), down, outside},
			Process: &cluster.EtcdProcess{Run: cluster.EtcdAsPod}},
		// Its member does not run, and has no name but an address.
		"w-2": {Error: "no endpoint answers", Process: &cluster.EtcdProcess{Run: cluster.EtcdAsService, Unit: "etcd.service"}},
	}
	e := Etcd(etcdCluster(), hosts)
	where := map[string]string{}
	for _, m := range e.Members {
		where[m.Name] = m.Node
		if m.Node != "" && m.Process == nil {
			t.Errorf("member %s has no process", m.Name)
		}
	}
	if d := cmp.Diff(map[string]string{"cp-1": "cp-1", "cp-2": "cp-2", "etcd-c": "w-2", "outside": ""}, where); d != "" {
		t.Error(d)
	}
	if m, _ := e.Member("cp-1"); m.Quota != 2<<30 {
		t.Errorf("quota of cp-1 is %d: what its own host says counts", m.Quota)
	}
	if e.ID != "c1" || e.Version != v || len(e.Clients) != 1 || e.Clients[0].Node != "cp-1" {
		t.Errorf("cluster %s %s, clients %+v", e.ID, e.Version, e.Clients)
	}
	if len(e.Views) != 3 || e.Views[2].Error == "" || len(e.Views[0].Members) != 4 {
		t.Errorf("views %+v", e.Views)
	}
}

func TestAMemberThatIsDownIsFoundByItsName(t *testing.T) {
	for _, args := range [][]string{{"--name=b"}, {"--name", "b"}, {"-name", "b"}} {
		e := Etcd(etcdCluster(), map[string]hostaction.EtcdHost{
			"cp-1": {Local: "a", Members: []cluster.EtcdMember{{Name: "a", ID: "1"}, {Name: "b", ID: "2", Error: "down"}}, Process: &cluster.EtcdProcess{}},
			"w-1":  {Process: &cluster.EtcdProcess{Args: args}},
		})
		if m, _ := e.Member("b"); m.Node != "w-1" {
			t.Errorf("%v: member b is on node %q", args, m.Node)
		}
	}
}
