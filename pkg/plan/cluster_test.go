package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

var (
	from = version.MustParse("v1.33.13")
	to   = version.MustParse("v1.34.4")
)

// build makes a healthy cluster at the version, with hosts that hold kubelet, kubeadm and kubectl.
func build(v version.Version, controlPlanes, workers []string) *cluster.Cluster {
	c := &cluster.Cluster{
		UID: "uid", Server: "https://10.0.0.1:6443", Version: v,
		Kubeadm: cluster.KubeadmConfig{KubernetesVersion: v},
		Addons:  []cluster.Addon{{Name: "kube-proxy", Image: "registry.k8s.io/kube-proxy:" + v.String(), Ready: true}},
	}
	for _, n := range controlPlanes {
		node := cluster.Node{Name: n, Role: cluster.ControlPlane, Ready: true, KubeletVersion: v, Host: host(v)}
		for _, s := range ControlPlaneComponents {
			node.StaticPods = append(node.StaticPods, cluster.StaticPod{Component: s, Image: "x/" + s + ":" + v.String(), Version: v, Ready: true})
		}
		c.Nodes = append(c.Nodes, node)
	}
	for _, n := range workers {
		c.Nodes = append(c.Nodes, cluster.Node{Name: n, Role: cluster.Worker, Ready: true, KubeletVersion: v, Host: host(v)})
	}
	return c
}

func host(v version.Version) *cluster.Host {
	h := &cluster.Host{PackageManager: "apt", KubeletActive: true}
	for _, n := range []string{"kubeadm", "kubelet", "kubectl"} {
		h.Packages = append(h.Packages, cluster.Package{Name: n, Version: v.Bare() + "-1.1", Held: true})
	}
	return h
}

func input(c *cluster.Cluster, path ...version.Version) Input {
	if len(path) == 0 {
		path = []version.Version{to}
	}
	in := Input{Cluster: c, Path: path, Packages: Packages{}}
	stops := Stops(c, path)
	for _, n := range c.Nodes {
		in.Packages[n.Name] = map[version.Version]hostaction.Resolution{}
		for _, v := range Needs(n, stops) {
			full := v.Bare() + "-1.1"
			in.Packages[n.Name][v] = hostaction.Resolution{Versions: map[string]string{"kubeadm": full, "kubelet": full, "kubectl": full}}
		}
	}
	return in
}

func ids(t *testing.T, in Input) []string {
	t.Helper()
	p, err := ForCluster(in)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for s := range p.Steps() {
		out = append(out, s.ID)
	}
	return out
}

func TestWholeUpgrade(t *testing.T) {
	want := []string{
		"prepare/cp-1/1.34/packages", "prepare/cp-1/1.34/images", "prepare/w-1/1.34/packages", "prepare/w-1/1.34/images",
		"1.34/control-plane/cp-1/kubeadm", "1.34/control-plane/cp-1/plan", "1.34/control-plane/cp-1/apply", "1.34/control-plane/cp-1/ready",
		"1.34/mark/taint",
		"1.34/nodes/cp-1/cordon", "1.34/nodes/cp-1/drain", "1.34/nodes/cp-1/packages", "1.34/nodes/cp-1/kubelet", "1.34/nodes/cp-1/uncordon", "1.34/nodes/cp-1/stable",
		"1.34/nodes/w-1/kubeadm", "1.34/nodes/w-1/node", "1.34/nodes/w-1/cordon", "1.34/nodes/w-1/drain", "1.34/nodes/w-1/packages", "1.34/nodes/w-1/kubelet", "1.34/nodes/w-1/ready", "1.34/nodes/w-1/uncordon", "1.34/nodes/w-1/stable",
		"finish/verify",
	}
	if d := cmp.Diff(want, ids(t, input(build(from, []string{"cp-1"}, []string{"w-1"})))); d != "" {
		t.Error(d)
	}
}

func TestNothingToDo(t *testing.T) {
	p, err := ForCluster(input(build(to, []string{"cp-1", "cp-2"}, []string{"w-1"})))
	if err != nil || !p.Empty() {
		t.Fatalf("plan of an upgraded cluster: %+v, %v; want it empty", p, err)
	}
}

// TestUnproven: a run that was killed between its last change and its proof has its proof made by the next one.
func TestUnproven(t *testing.T) {
	in := input(build(to, []string{"cp-1"}, []string{"w-1"}))
	in.Unproven = true
	if got := ids(t, in); !slices.Equal(got, []string{"finish/verify"}) {
		t.Errorf("steps %v, want the last one", got)
	}
}

// TestRest gives a cluster that was left half upgraded, and wants exactly the rest.
func TestRest(t *testing.T) {
	tests := map[string]struct {
		change func(*cluster.Cluster)
		want   []string // prefixes of all steps but those of prepare and finish, in order, repeated ones dropped
	}{
		"apply cut short before kube-proxy was rolled out": {
			func(c *cluster.Cluster) { c.Addons[0].Image = "registry.k8s.io/kube-proxy:" + from.String() },
			[]string{"1.34/control-plane/cp-1"},
		},
		"worker left cordoned by us": {
			func(c *cluster.Cluster) { c.Nodes[1].Unschedulable, c.Nodes[1].CordonedByUs = true, true },
			[]string{"1.34/nodes/w-1"},
		},
		"worker cordoned by somebody else": {
			func(c *cluster.Cluster) { c.Nodes[1].Unschedulable = true },
			nil,
		},
		"kubelet package there but not running": {
			func(c *cluster.Cluster) { c.Nodes[1].KubeletVersion = from },
			[]string{"1.34/nodes/w-1"},
		},
		"kubectl package left behind on the control plane": {
			func(c *cluster.Cluster) { c.Nodes[0].Host.Packages[2].Version = from.Bare() + "-1.1" },
			[]string{"1.34/nodes/cp-1"},
		},
		"holds lifted and not restored": {
			func(c *cluster.Cluster) { c.Nodes[1].Host.HeldBefore = []string{"kubelet"} },
			[]string{"1.34/nodes/w-1"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := build(to, []string{"cp-1"}, []string{"w-1"})
			tt.change(c)
			var got []string
			for _, id := range ids(t, input(c)) {
				group := id[:strings.LastIndex(id, "/")]
				if !strings.HasPrefix(id, "prepare/") && !strings.HasPrefix(id, "finish/") && !slices.Contains(got, group) {
					got = append(got, group)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestProperties holds for every plan: who may move only after whom.
func TestProperties(t *testing.T) {
	p, err := ForCluster(input(build(from, []string{"cp-2", "cp-1", "cp-3"}, []string{"w-2", "w-1"})))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	applies := 0
	i := 0
	for s := range p.Steps() {
		if _, twice := at[s.ID]; twice {
			t.Errorf("step %s is there twice", s.ID)
		}
		at[s.ID] = i
		i++
		if s.Kind == Kind(hostaction.KubeadmApply{}.Kind()) {
			applies++
		}
		if s.Timeout == 0 && s.Kind != Drain {
			t.Errorf("step %s has no timeout", s.ID)
		}
	}
	if applies != 1 {
		t.Errorf("%d applies, want 1", applies)
	}
	for _, ph := range p.Phases[1:] {
		if ph.Parallel != 1 {
			t.Errorf("phase %s takes %d nodes at once", ph.ID, ph.Parallel)
		}
	}
	before := func(a, b string) {
		t.Helper()
		x, okA := at[a]
		y, okB := at[b]
		if !okA || !okB || x >= y {
			t.Errorf("%s (%d, %t) has to come before %s (%d, %t)", a, x, okA, b, y, okB)
		}
	}
	before("prepare/w-2/1.34/images", "1.34/control-plane/cp-1/kubeadm")
	before("1.34/control-plane/cp-1/apply", "1.34/control-plane/cp-2/node")
	before("1.34/control-plane/cp-1/ready", "1.34/control-plane/cp-2/kubeadm")
	before("1.34/control-plane/cp-3/ready", "1.34/nodes/cp-1/cordon")
	before("1.34/nodes/cp-3/stable", "1.34/nodes/w-1/kubeadm")
	for _, n := range []string{"cp-1", "cp-2", "cp-3", "w-1", "w-2"} {
		before("1.34/nodes/"+n+"/cordon", "1.34/nodes/"+n+"/drain")
		before("1.34/nodes/"+n+"/drain", "1.34/nodes/"+n+"/packages")
		before("1.34/nodes/"+n+"/kubelet", "1.34/nodes/"+n+"/uncordon")
		before("1.34/nodes/"+n+"/uncordon", "1.34/nodes/"+n+"/stable")
	}
}

func TestDigest(t *testing.T) {
	one, err := ForCluster(input(build(from, []string{"cp-1"}, []string{"w-1"})))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := ForCluster(input(build(from, []string{"cp-1"}, []string{"w-1"})))
	if one.Digest != again.Digest || one.Digest == "" {
		t.Errorf("the same cluster gives digests %q and %q", one.Digest, again.Digest)
	}
	other, _ := ForCluster(input(build(from, []string{"cp-1"}, []string{"w-2"})))
	if one.Digest == other.Digest {
		t.Error("another cluster gives the same digest")
	}
	raw, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if err := back.seal(); err != nil || back.Digest != one.Digest {
		t.Errorf("a plan read back from JSON has digest %s, want %s (%v)", back.Digest, one.Digest, err)
	}
}
