package preflight

import (
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

var (
	from = version.MustParse("v1.33.13")
	to   = version.MustParse("v1.34.4")
)

// clean is a cluster with nothing in the way.
func clean() Input {
	host := func() *cluster.Host {
		return &cluster.Host{
			OS: cluster.OSRelease{ID: "debian", Name: "Debian 12"}, PackageManager: "apt", KubeletActive: true,
			Packages: []cluster.Package{{Name: "kubeadm", Version: "1.33.13-1.1"}, {Name: "kubelet", Version: "1.33.13-1.1"}},
			Sources:  []cluster.PackageSource{{File: "/etc/apt/sources.list.d/kubernetes.list", Minor: "1.33"}},
			Disks:    []cluster.Disk{{Path: "/var/lib/containerd", Free: 10 << 30}, {Path: "/usr", Free: 10 << 30}, {Path: "/var/cache/apt/archives", Free: 10 << 30}, {Path: "/etc/kubernetes", Free: 10 << 30}},
		}
	}
	c := &cluster.Cluster{
		Kubeadm: cluster.KubeadmConfig{KubernetesVersion: from},
		Nodes: []cluster.Node{
			{Name: "cp-1", Role: cluster.ControlPlane, Ready: true, KubeletVersion: from, Host: host(), Allocatable: cluster.Resources{CPU: 1000, Memory: 1 << 30, Pods: 110},
				StaticPods: []cluster.StaticPod{{Component: "kube-apiserver", Version: from, Ready: true}}},
			{Name: "w-1", Role: cluster.Worker, Ready: true, KubeletVersion: from, Host: host(),
				Pods: []cluster.Pod{{Namespace: "shop", Name: "web-1", Controller: "ReplicaSet", Budgets: []string{"web"}}}},
		},
		Budgets: []cluster.Budget{{Namespace: "shop", Name: "web", DisruptionsAllowed: 1, Pods: 2}},
	}
	resolved := HostReport{Version: to, Resolution: hostaction.Resolution{
		Versions: map[string]string{"kubeadm": "1.34.4-1.1"}, DownloadBytes: 50 << 20, InstallBytes: 200 << 20,
		Kubeadm: []hostaction.PackageChange{{Name: "kubeadm", Action: "upgrade"}},
	}}
	return Input{Cluster: c, To: to, Hosts: map[string][]HostReport{"cp-1": {resolved}, "w-1": {resolved}}}
}

func TestCleanClusterHasNoFindings(t *testing.T) {
	if fs := Run(clean()); len(fs) > 0 {
		t.Errorf("findings on a clean cluster: %+v", fs)
	}
}

// TestFindings makes one hazard at a time and wants exactly its finding, naming the offender.
func TestFindings(t *testing.T) {
	w := func(f func(*cluster.Node, *cluster.Host)) func(*Input) {
		return func(in *Input) { f(&in.Cluster.Nodes[1], in.Cluster.Nodes[1].Host) }
	}
	report := func(f func(*HostReport)) func(*Input) {
		return func(in *Input) {
			f(&in.Hosts["w-1"][0])
		}
	}
	members := func(f func([]cluster.EtcdMember)) func(*Input) {
		return func(in *Input) {
			in.Cluster.Etcd = wellEtcd()
			f(in.Cluster.Etcd.Members)
		}
	}
	tests := []struct {
		id       string
		severity Severity
		names    []string
		hazard   func(*Input)
	}{
		{"version-policy", Error, []string{"v1.32.0", "v1.33.13", "newer"}, func(in *Input) {
			in.To = version.MustParse("v1.32.0")
			for i := range in.Cluster.Nodes {
				in.Cluster.Nodes[i].KubeletVersion = version.MustParse("v1.31.0")
			}
		}},
		{"kubelet-skew", Error, []string{"w-1", "v1.35.0", "newer"}, w(func(n *cluster.Node, _ *cluster.Host) { n.KubeletVersion = version.MustParse("v1.35.0") })},
		{"kubelet-version", Error, []string{"w-1"}, w(func(n *cluster.Node, _ *cluster.Host) { n.KubeletVersion = version.Version{} })},
		{"node-not-ready", Error, []string{"w-1", "kubelet stopped posting"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Ready, n.NotReadyCause = false, "kubelet stopped posting" })},
		{"static-pod-not-ready", Error, []string{"kube-apiserver-cp-1"}, func(in *Input) { in.Cluster.Nodes[0].StaticPods[0].Ready = false }},
		{"no-static-pods", Error, []string{"cp-1"}, func(in *Input) { in.Cluster.Nodes[0].StaticPods = nil }},
		{"no-control-plane", Error, nil, func(in *Input) { in.Cluster.Nodes[0].Role = cluster.Worker }},
		{"node-cordoned", Warning, []string{"w-1"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Unschedulable = true })},
		{"bare-pod", Error, []string{"shop/web-1", "--force"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Pods[0].Controller = "" })},
		{"emptydir-data", Error, []string{"shop/web-1", "--delete-emptydir-data"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Pods[0].EmptyDir = true })},
		{"pdb-two", Error, []string{"shop/web-1", "web, other", "--disable-eviction"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Pods[0].Budgets = []string{"web", "other"} })},
		{"pod-stuck", Warning, []string{"shop/web-1", "volume data-0"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Pods[0].Stuck = "no other node reaches its volume data-0" })},
		{"capacity", Warning, []string{"w-1", "2.50 CPU", "1.00 CPU"}, w(func(n *cluster.Node, _ *cluster.Host) { n.Pods[0].Requests = cluster.Resources{CPU: 2500, Pods: 1} })},
		{"pdb-never", Error, []string{"shop/web", "w-1"}, func(in *Input) { in.Cluster.Budgets[0].Never = true }},
		{"pdb-zero-now", Warning, []string{"shop/web", "w-1"}, func(in *Input) { in.Cluster.Budgets[0].DisruptionsAllowed = 0 }},
		{"package-manager", Error, []string{"w-1", "Flatcar"}, w(func(_ *cluster.Node, h *cluster.Host) { h.PackageManager, h.OS.Name = "", "Flatcar" })},
		{"not-a-package", Error, []string{"w-1", "kubelet"}, w(func(_ *cluster.Node, h *cluster.Host) { h.Packages = h.Packages[:1] })},
		{"no-package-source", Error, []string{"w-1"}, w(func(_ *cluster.Node, h *cluster.Host) { h.Sources = nil })},
		{"package-pinned", Error, []string{"w-1", "kubelet", "/etc/apt/preferences.d/k8s"}, w(func(_ *cluster.Node, h *cluster.Host) {
			h.Pins = []cluster.Pin{{File: "/etc/apt/preferences.d/k8s", Package: "kubelet", Pin: "version 1.33.*", Priority: 1001}}
		})},
		{"apt-locked", Error, []string{"w-1", "4711", "unattended-upgr"}, w(func(_ *cluster.Node, h *cluster.Host) {
			h.PackageLock = &cluster.Process{PID: 4711, Name: "unattended-upgr"}
		})},
		{"kubelet-unit", Error, []string{"w-1"}, w(func(_ *cluster.Node, h *cluster.Host) { h.KubeletActive = false })},
		{"disk-full", Error, []string{"w-1", "/var/cache/apt/archives", "1 MiB free"}, w(func(_ *cluster.Node, h *cluster.Host) { h.Disks[2].Free = 1 << 20 })},
		{"package-not-found", Error, []string{"w-1", "1.34.99"}, report(func(r *HostReport) {
			r.ResolutionError, r.ResolutionCode = "no kubeadm 1.34.99", hostaction.CodePackageNotFound
		})},
		{"repository-failed", Error, []string{"w-1", "404"}, report(func(r *HostReport) {
			r.ResolutionError, r.ResolutionCode = "404 not found", hostaction.CodeRepositoryFailed
		})},
		{"apt-locked", Error, []string{"w-1", "dpkg"}, report(func(r *HostReport) {
			r.ResolutionError, r.ResolutionCode = "dpkg is locked", hostaction.CodePackageLocked
		})},
		{"packages", Error, []string{"w-1", "unmet"}, report(func(r *HostReport) { r.ResolutionError = "unmet dependencies" })},
		{"drags-kubelet", Error, []string{"w-1", "kubelet"}, report(func(r *HostReport) {
			r.Resolution.Kubeadm = append(r.Resolution.Kubeadm, hostaction.PackageChange{Name: "kubelet", From: "a", To: "b", Action: "upgrade"})
		})},
		{"removes-package", Error, []string{"w-1", "cri-o"}, report(func(r *HostReport) {
			r.Resolution.Rest = []hostaction.PackageChange{{Name: "cri-o", From: "1", Action: "remove"}}
		})},
		{"etcd-member-down", Error, []string{"cp-2", "connection refused"}, members(func(m []cluster.EtcdMember) { m[1].Error, m[1].Version = "connection refused", version.Version{} })},
		{"etcd-no-leader", Error, nil, members(func(m []cluster.EtcdMember) { m[0].Leader = false })},
		{"etcd-alarm", Error, []string{"cp-1", "NOSPACE"}, members(func(m []cluster.EtcdMember) { m[0].Alarms = []string{"NOSPACE"} })},
		{"etcd-learner", Error, []string{"cp-2"}, members(func(m []cluster.EtcdMember) { m[1].Learner = true })},
		{"etcd-quota", Warning, []string{"cp-1", "93%"}, members(func(m []cluster.EtcdMember) { m[0].DBSize = 93 << 20 })},
		{"etcd-bad-release", Warning, []string{"cp-1", "3.5.1"}, members(func(m []cluster.EtcdMember) { m[0].Version = version.MustParse("3.5.1") })},
		{"image-not-pullable", Error, []string{"w-1", "kube-proxy"}, report(func(r *HostReport) { r.ImageError = "kube-proxy:v1.34.4: not found" })},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+strings.Join(tt.names, " "), func(t *testing.T) {
			in := clean()
			tt.hazard(&in)
			fs := Run(in)
			if len(fs) != 1 || fs[0].ID != tt.id || fs[0].Severity != tt.severity {
				t.Fatalf("findings %+v; want one %s of severity %s", fs, tt.id, tt.severity)
			}
			if fs[0].Severity == Error && fs[0].Fix == "" {
				t.Errorf("%q blocks, and nothing says what to do about it", fs[0].Message)
			}
			text := fs[0].Object + " " + fs[0].Message + " " + fs[0].Fix
			for _, n := range tt.names {
				if !strings.Contains(text, n) {
					t.Errorf("%q does not name %q", text, n)
				}
			}
			if Blocked(fs) != (tt.severity == Error) {
				t.Errorf("blocked: %t with severity %s", Blocked(fs), tt.severity)
			}
		})
	}
}

// wellEtcd is what two members answer which are well. It is built by hand: each test wants one thing of it otherwise.
func wellEtcd() *cluster.Etcd {
	status := cluster.EtcdStatus{Version: version.MustParse("3.5.24"), DBSize: 10 << 20, Quota: 100 << 20}
	return &cluster.Etcd{Members: []cluster.EtcdMember{{Name: "cp-1", Node: "cp-1", Leader: true, EtcdStatus: status}, {Name: "cp-2", Node: "cp-2", EtcdStatus: status}}}
}

// TestHealthyEtcd: an etcd that is well says nothing, and neither does one that could not be asked.
func TestHealthyEtcd(t *testing.T) {
	for _, e := range []*cluster.Etcd{wellEtcd(), {}, {Views: []cluster.EtcdView{{Node: "cp-1", Error: "refused"}}}} {
		in := clean()
		in.Cluster.Etcd = e
		if fs := Run(in); len(fs) > 0 {
			t.Errorf("findings %+v", fs)
		}
	}
}

func TestFlagsLiftFindings(t *testing.T) {
	in := clean()
	p := &in.Cluster.Nodes[1].Pods[0]
	p.Controller, p.EmptyDir, p.Budgets = "", true, []string{"web", "other"}
	in.Cluster.Budgets[0].Never = true
	in.Force, in.DeleteEmptyDir, in.DisableEviction = true, true, true
	if fs := Run(in); len(fs) > 0 {
		t.Errorf("findings although both are allowed: %+v", fs)
	}
}

// TestDoneNodesAreNotDrained: what stands in the way of a drain does not matter on a node that is not drained any more.
func TestDoneNodesAreNotDrained(t *testing.T) {
	in := clean()
	in.Cluster.Nodes[1].KubeletVersion = to
	in.Cluster.Nodes[1].Pods[0].EmptyDir = true
	in.Cluster.Budgets[0].Never = true
	if fs := Run(in); len(fs) > 0 {
		t.Errorf("findings for a node that is done: %+v", fs)
	}
}
