package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const apiServer12 = `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --etcd-servers=http://10.0.0.1:2379
    - --storage-backend=etcd2 # until somebody has time
    image: k8s.gcr.io/kube-apiserver:v1.12.0
    name: kube-apiserver
`

// onV2 is a cluster of 1.12 before three members of etcd 2.3 that somebody has started.
func onV2(names ...string) *cluster.Cluster {
	c := build(v("v1.12.0"), names, []string{"w-1"})
	c.Kubeadm.KubernetesVersion, c.Kubeadm.ExternalEtcd = v("v1.12.0"), true
	c.Etcd = &cluster.Etcd{ID: "c1"}
	for i, n := range names {
		ip := fmt.Sprintf("10.0.0.%d", i+1)
		node, _ := c.Node(n)
		node.InternalIP = ip
		for j := range c.Nodes {
			if c.Nodes[j].Name == n {
				c.Nodes[j].InternalIP = ip
			}
		}
		c.Etcd.Members = append(c.Etcd.Members, cluster.EtcdMember{
			Name: "m" + n, ID: "id-" + n, Node: n, Leader: i == 0, ClientURLs: []string{"http://" + ip + ":2379"}, PeerURLs: []string{"http://" + ip + ":2380"},
			EtcdStatus: cluster.EtcdStatus{Version: v("2.3.8")},
			Process: &cluster.EtcdProcess{Run: cluster.EtcdAsProcess, Binary: "/opt/etcd", DataDir: "/var/lib/etcd", ClientURL: "http://" + ip + ":2379", Owner: "0:0",
				Args: []string{"--name", "m" + n, "--data-dir", "/var/lib/etcd", "--listen-peer-urls", "http://0.0.0.0:2380"}},
		})
		c.Etcd.Clients = append(c.Etcd.Clients, cluster.EtcdClient{Node: n, Backend: "etcd2", Servers: []string{"http://10.0.0.1:2379"},
			Manifest: cluster.TextFile{Path: "/etc/kubernetes/manifests/kube-apiserver.yaml", Kind: "manifest", Text: apiServer12}})
	}
	return c
}

func convertInput(c *cluster.Cluster) EtcdInput {
	return EtcdInput{Cluster: c, To: v("3.2.32"), Hops: ConvertHop(v("2.3.8"), v("3.2.32")), SnapshotName: "s.db", Options: EtcdOptions{BackupDir: "/backup", AllowDowntime: true}}
}

func TestConversionGivesEveryHostItsPartFirst(t *testing.T) {
	c := onV2("cp-1", "cp-2", "cp-3")
	c.Server = "https://10.0.0.2:6443"
	got, p := etcdSteps(t, convertInput(c))
	want := []string{
		"snapshot/cp-1/take",
		"3.2/arm/mcp-1/begin", "3.2/arm/mcp-3/begin",
		"3.2/migrate/mcp-2/convert", // the operator talks to its host's API server
		"3.2/members/mcp-1/rebuild", "3.2/members/mcp-3/rebuild",
		"3.2/agree/members",
		"3.2/settle/mcp-1/forget", "3.2/settle/mcp-2/forget", "3.2/settle/mcp-3/forget",
		"finish/snapshot", "finish/configuration", "finish/verify",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if p.Etcd.Downtime == "" || !p.Etcd.Converts() {
		t.Errorf("the plan does not say that the API is away: %+v", p.Etcd)
	}
	begun := map[string]hostaction.EtcdRebuild{}
	for s := range p.Steps() {
		switch s.Kind {
		case EtcdBegin:
			b, err := Params[EtcdBeginParams](s)
			if err != nil {
				t.Fatal(err)
			}
			begun[b.Step] = b.Action
		case EtcdConvert:
			b, err := Params[EtcdConvertParams](s)
			if err != nil {
				t.Fatal(err)
			}
			begun[b.Begin.Step] = b.Begin.Action
			if d := cmp.Diff([]string{"cp-1", "cp-3"}, b.Recall); d != "" {
				t.Errorf("who is recalled: %s", d)
			}
		case Kind(hostaction.EtcdRebuild{}.Kind()):
			a, err := Params[hostaction.EtcdRebuild](s)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(begun[s.ID], a); d != "" {
				t.Errorf("%s listens to something else than was begun: %s", s.ID, d)
			}
		default:
		}
	}
	if len(begun) != 3 {
		t.Fatalf("%d hosts have a part", len(begun))
	}
	for id, a := range begun {
		first := id == "3.2/members/mcp-2/rebuild"
		cv := a.Convert
		if a.Follow == first || cv.First != "mcp-2" || cv.From != "http://10.0.0.2:2380" || cv.Listen != "0.0.0.0:2380" || len(a.Peers) != 2 || len(cv.Members) != 3 {
			t.Errorf("%s: %+v, %+v", id, a, cv)
		}
		if !strings.Contains(cv.Server, "--storage-backend=etcd3 # until somebody has time") {
			t.Errorf("%s: the API server goes by\n%s", id, cv.Server)
		}
		if a.Member.Version != v("3.2.32") || a.Member.From != v("2.3.8") || a.Restore.Version != v("3.2.32") || a.Restore.Snapshot != "/backup/converted-3.2.32.db" {
			t.Errorf("%s: %+v, %+v", id, a.Member, a.Restore)
		}
	}
	var files []string
	for _, ch := range p.Etcd.Changes {
		files = append(files, ch.Node+ch.Path)
	}
	if len(files) < 3 {
		t.Errorf("the reader is shown %v", files)
	}
}

func TestConversionOfOneMember(t *testing.T) {
	got, _ := etcdSteps(t, convertInput(onV2("cp-1")))
	want := []string{"snapshot/cp-1/take", "3.2/migrate/mcp-1/convert", "3.2/agree/members", "3.2/settle/mcp-1/forget", "finish/snapshot", "finish/configuration", "finish/verify"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
