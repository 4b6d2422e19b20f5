package hazard

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// clusterAt is a cluster of one release with nothing wrong in it, on its way to another one.
func clusterAt(from, to string) Facts {
	v := version.MustParse(from)
	config := "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nimageRepository: registry.k8s.io\napiServer:\n  extraArgs:\n  - name: audit-log-path\n    value: /var/log/audit.log\n"
	if v.Minor < 31 {
		config = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nimageRepository: registry.k8s.io\napiServer:\n  extraArgs:\n    audit-log-path: /var/log/audit.log\n"
	}
	if v.Minor < 22 {
		config = strings.Replace(config, "v1beta3", "v1beta2", 1)
	}
	etcd, err := knowledge.EtcdFor(version.MustParse(to))
	if err != nil {
		etcd.Tag = "3.7.0-0" // of a release to come nothing is known
	}
	labels := []string{controlPlaneName}
	if v.Minor < 24 {
		labels = append(labels, masterLabel)
	}
	return Facts{To: version.MustParse(to), Cluster: &cluster.Cluster{
		Kubeadm: cluster.KubeadmConfig{KubernetesVersion: v},
		Nodes: []cluster.Node{
			{Name: "cp-1", Role: cluster.ControlPlane, Ready: true, Tainted: true, KubeletVersion: v, ContainerRuntime: "containerd://2.1.5", StaticPods: []cluster.StaticPod{
				{Component: "kube-apiserver", Version: v, Ready: true}, {Component: "kube-scheduler", Version: v, Ready: true},
				{Component: "etcd", Image: "registry.k8s.io/etcd:" + etcd.Tag, Ready: true}},
				Host: &cluster.Host{CgroupVersion: 2, HostRisks: cluster.HostRisks{KubeletArgs: kubeadmArgs(v), Certificates: []cluster.Certificate{{Path: "/etc/kubernetes/pki/apiserver.crt", NotAfter: now.AddDate(0, 6, 0)}}}}},
			worker("w-1", v), worker("w-2", v),
		},
		Addons: []cluster.Addon{{Name: "coredns", Image: "registry.k8s.io/coredns/coredns:v1.12.1", Ready: true, Labelled: true}},
		Survey: &cluster.Survey{
			Time: now, ClientExpiry: now.AddDate(0, 6, 0), Kubectl: &cluster.Kubectl{Path: "/usr/bin/kubectl", Version: version.MustParse(to)},
			Servers:     []cluster.Server{{Address: "10.0.0.1:6443", Expiry: now.AddDate(0, 6, 0)}},
			CRDs:        []cluster.CRD{{Name: "shops.example.com", Versions: []string{"v1"}, Stored: []string{"v1"}, Conversion: "shop/hook", Ready: 2}},
			Webhooks:    []cluster.Webhook{{Configuration: "ValidatingWebhookConfiguration policy", Name: "pods.example.com", Fails: true, Pods: true, System: true, Nodes: true, Service: "policy/hook", Ready: 2, Hosts: 2, ReviewVersions: []string{"v1"}}},
			APIServices: []cluster.APIService{{Name: "v1beta1.metrics.k8s.io", Service: "kube-system/metrics", Available: true}},
			Components: []cluster.Component{{Node: "cp-1", Name: "kube-apiserver", Flags: []cluster.Flag{
				{Name: "audit-log-path", Value: "/var/log/audit.log"}, {Name: "secure-port", Value: "6443"}}}, {Node: "cp-1", Name: "etcd"}},
			Databases: []cluster.Database{{Server: "10.0.0.1:6443", Etcd: "etcd-0", Bytes: 300 << 20}},
			Configs: []cluster.Config{
				{ConfigMap: "kubeadm-config", Key: "ClusterConfiguration", Text: config},
				{ConfigMap: "kubelet-config", Key: "kubelet", Text: "kind: KubeletConfiguration\ncgroupDriver: systemd\n"},
				{ConfigMap: "kube-proxy", Key: "config.conf", Text: "kind: KubeProxyConfiguration\nmode: iptables\n"},
				{ConfigMap: "coredns", Key: "Corefile", Text: ".:53 {\n    forward . /etc/resolv.conf\n}\n"},
			},
			Workloads: []cluster.Workload{
				{Namespace: "kube-system", Kind: "Deployment", Name: "coredns", Pods: 2, Nodes: []string{"w-1", "w-2"}, Selects: []string{"kubernetes.io/os"}, Images: []string{"registry.k8s.io/coredns/coredns:v1.12.1"}},
				{Namespace: "shop", Kind: "Deployment", Name: "web", Pods: 2, Nodes: []string{"w-1", "w-2"}, Images: []string{"registry.example/web:1"}, Volumes: []string{"emptyDir"}},
			},
			Nodes: []cluster.NodeLook{
				{Name: "cp-1", Labels: labels, CRISocket: "unix:///run/containerd/containerd.sock", Kernel: "6.1.0-18-amd64", Proxy: v},
				{Name: "w-1", CRISocket: "unix:///run/containerd/containerd.sock", Kernel: "6.1.0-18-amd64", Proxy: v},
				{Name: "w-2", CRISocket: "unix:///run/containerd/containerd.sock", Kernel: "6.1.0-18-amd64", Proxy: v},
			},
			Services: []cluster.Service{{Name: "kube-system/kube-dns", Ready: 2}},
		},
	}}
}

func worker(name string, v version.Version) cluster.Node {
	return cluster.Node{Name: name, Role: cluster.Worker, Ready: true, KubeletVersion: v, ContainerRuntime: "containerd://2.1.5",
		Allocatable: cluster.Resources{CPU: 4000, Memory: 8 << 30, Pods: 110}, Requested: cluster.Resources{CPU: 1000, Memory: 1 << 30, Pods: 2},
		Host: &cluster.Host{CgroupVersion: 2, PackageManager: "apt", HostRisks: cluster.HostRisks{KubeletArgs: kubeadmArgs(v)}, Packages: []cluster.Package{{Name: "kubeadm"}, {Name: "kubelet"}},
			Sources: []cluster.PackageSource{{File: "/etc/apt/sources.list.d/kubernetes.list", URL: "https://pkgs.k8s.io/core:/stable:/v1.33/deb/",
				Key: "/etc/apt/keyrings/kubernetes.gpg", KeyEnds: now.AddDate(0, 6, 0)}}},
		Pods: []cluster.Pod{{Namespace: "shop", Name: "web-" + name, Controller: "ReplicaSet", Requests: cluster.Resources{CPU: 500, Memory: 1 << 29, Pods: 1}}}}
}

// kubeadmArgs are what kubeadm of a release writes into its file for kubelets, where containerd runs the containers.
func kubeadmArgs(v version.Version) []cluster.HostFlag {
	var out []cluster.HostFlag
	add := func(name, value string) {
		out = append(out, cluster.HostFlag{Flag: cluster.Flag{Name: name, Value: value}, File: kubeadmFlagsFile})
	}
	if v.Minor < 26 {
		add("container-runtime", "remote")
	}
	if v.Minor < 34 {
		add("container-runtime-endpoint", "unix:///run/containerd/containerd.sock")
	}
	if v.Minor < 35 {
		add("pod-infra-container-image", "registry.k8s.io/pause:3.9")
	}
	return out
}

func ids(found []Found) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.ID)
	}
	return out
}

// TestNothingInAClusterThatIsWell goes every way between the minors that the tables know, from and to their last releases, with the etcd that
// kubeadm has put there. Only of that there is something to know, and nothing blocks.
func TestNothingInAClusterThatIsWell(t *testing.T) {
	last := []int{15, 14, 17, 17, 17, 16, 15, 16, 15, 15, 14, 14, 13, 13, 4, 4, 3, 2}
	release := func(minor int) version.Version { return version.Version{Major: 1, Minor: minor, Patch: last[minor-20]} }
	for from := 20; from < 37; from++ {
		etcd, err := knowledge.EtcdFor(release(from))
		if err != nil {
			t.Fatal(err)
		}
		for to := from + 1; to <= 37; to++ {
			f := clusterAt(release(from).String(), release(to).String())
			f.Cluster.Nodes[0].StaticPods[2].Image = "registry.k8s.io/etcd:" + etcd.Tag
			for _, h := range Find(f) {
				if !strings.HasPrefix(h.ID, "etcd-") || h.Severity != Advice {
					t.Errorf("from %s to %s: %s: %v", release(from), release(to), h.ID, h.Offenders)
				}
			}
		}
	}
}

// TestHazards makes one hazard at a time, and wants it and nothing else, with the offender named.
func TestHazards(t *testing.T) {
	survey := func(f func(*cluster.Survey)) func(*Facts) { return func(in *Facts) { f(in.Cluster.Survey) } }
	node := func(f func(*cluster.Node)) func(*Facts) { return func(in *Facts) { f(&in.Cluster.Nodes[1]) } }
	look := func(f func(*cluster.NodeLook)) func(*Facts) {
		return func(in *Facts) { f(&in.Cluster.Survey.Nodes[1]) }
	}
	web := func(f func(*cluster.Workload)) func(*Facts) {
		return func(in *Facts) { f(&in.Cluster.Survey.Workloads[1]) }
	}
	hook := func(f func(*cluster.Webhook)) func(*Facts) {
		return func(in *Facts) { f(&in.Cluster.Survey.Webhooks[0]) }
	}
	config := func(key, text string) func(*Facts) {
		return func(in *Facts) {
			for i, c := range in.Cluster.Survey.Configs {
				if c.Key == key {
					in.Cluster.Survey.Configs[i].Text = text
				}
			}
		}
	}
	v := version.MustParse
	helm := survey(func(s *cluster.Survey) {
		s.HelmReleases = []cluster.HelmRelease{{Namespace: "shop", Name: "web", Objects: []cluster.HelmObject{
			{Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget", Name: "web"}, {Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget", Name: "db"}}}}
	})
	kubectl := func(is string) func(*Facts) {
		return survey(func(s *cluster.Survey) { s.Kubectl.Version = v(is) })
	}
	tests := []struct {
		id, from, to string
		names        []string
		hazard       func(*Facts)
		// also are findings that cannot be without the one that is meant.
		also []string
	}{
		{"helm-release-removed-api", "v1.24.17", "v1.25.16", []string{"shop/web", "policy/v1beta1 PodDisruptionBudget", "(web, db)", "1.25"}, helm, nil},
		{"helm-release-removed-api", "v1.21.14", "v1.26.15", []string{"shop/web", "policy/v1beta1 PodDisruptionBudget"}, helm, nil},
		{"crd-stored-version-gone", "", "", []string{"shops.example.com", "v1alpha1"}, survey(func(s *cluster.Survey) { s.CRDs[0].Stored = []string{"v1alpha1", "v1"} }), nil},
		{"crd-conversion-down", "", "", []string{"shops.example.com", "shop/hook"}, survey(func(s *cluster.Survey) { s.CRDs[0].Ready = 0 }), nil},
		{"webhook-down", "", "", []string{"policy", "policy/hook"}, hook(func(h *cluster.Webhook) { h.Ready, h.System, h.Nodes = 0, false, false }), nil},
		{"webhook-system-down", "", "", []string{"policy/hook"}, hook(func(h *cluster.Webhook) { h.Ready, h.Nodes = 0, false }), []string{"webhook-down"}},
		{"webhook-nodes-down", "", "", []string{"policy/hook"}, hook(func(h *cluster.Webhook) { h.Ready, h.System, h.Pods = 0, false, false }), nil},
		{"webhook-system-on-one-node", "", "", []string{"policy/hook"}, hook(func(h *cluster.Webhook) { h.Hosts = 1 }), nil},
		{"webhook-on-one-node", "", "", []string{"policy/hook"}, hook(func(h *cluster.Webhook) { h.Hosts, h.System = 1, false }), nil},
		{"webhook-review-v1beta1", "v1.21.0", "v1.22.0", []string{"v1beta1"}, hook(func(h *cluster.Webhook) { h.ReviewVersions = []string{"v1beta1"} }), nil},
		{"apiservice-down", "", "", []string{"metrics.k8s.io", "no endpoints"}, survey(func(s *cluster.Survey) { s.APIServices[0].Available, s.APIServices[0].Cause = false, "no endpoints" }), nil},
		{"kubeadm-config-version", "v1.26.0", "v1.27.0", []string{"v1beta2", "1.27"}, config("ClusterConfiguration", "apiVersion: kubeadm.k8s.io/v1beta2\napiServer: {extraArgs: {audit-log-path: /var/log/audit.log}}"), nil},
		{"kubeadm-config-unreadable", "", "", []string{"cannot be read"}, config("ClusterConfiguration", "apiServer: ["), nil},
		{"kubelet-config-missing", "", "", []string{"kubelet-config"}, survey(func(s *cluster.Survey) {
			s.Configs = slices.DeleteFunc(s.Configs, func(c cluster.Config) bool { return c.Key == "kubelet" })
		}), nil},
		{"proxy-mode-userspace", "v1.25.0", "v1.26.0", []string{"userspace"}, config("config.conf", "mode: userspace"), nil},
		{"proxy-mode-ipvs", "v1.34.0", "v1.35.0", []string{"ipvs"}, config("config.conf", "mode: ipvs"), nil},
		{"cgroup-v1", "v1.34.0", "v1.35.0", []string{"w-1"}, node(func(n *cluster.Node) { n.Host.CgroupVersion = 1 }), nil},
		{"admission-removed", "v1.24.0", "v1.25.0", []string{"PodSecurityPolicy", "kubeadm-config"}, config("ClusterConfiguration",
			"apiVersion: kubeadm.k8s.io/v1beta3\napiServer:\n  extraArgs:\n    audit-log-path: /var/log/audit.log\n    enable-admission-plugins: NodeRestriction,PodSecurityPolicy\n"), nil},
		{"cloud-provider-in-tree", "v1.28.0", "v1.29.0", []string{"controllerManager.extraArgs", "--cloud-provider=aws"}, config("ClusterConfiguration",
			"apiVersion: kubeadm.k8s.io/v1beta3\napiServer: {extraArgs: {audit-log-path: /var/log/audit.log}}\ncontrollerManager: {extraArgs: {cloud-provider: aws}}\n"), nil},
		{"storage-backend-etcd2", "v1.12.10", "v1.13.12", []string{"apiServer.extraArgs", "--storage-backend=etcd2"}, config("ClusterConfiguration",
			"apiVersion: kubeadm.k8s.io/v1beta1\napiServer: {extraArgs: {audit-log-path: /var/log/audit.log, storage-backend: etcd2}}\n"), nil},
		{"manifest-only-flag", "", "", []string{"kube-apiserver", "cp-1", "--profiling=false"}, survey(func(s *cluster.Survey) {
			s.Components[0].Flags = append(s.Components[0].Flags, cluster.Flag{Name: "profiling", Value: "false"})
		}), nil},
		{"manifests-differ", "", "", []string{"cp-1", "/elsewhere", "/var/log/audit.log"}, survey(func(s *cluster.Survey) { s.Components[0].Flags[0].Value = "/elsewhere" }), nil},
		{"coredns-unknown", "", "", []string{"registry.example/coredns:v1.9.3-ours"}, func(in *Facts) { in.Cluster.Addons[0].Image = "registry.example/coredns:v1.9.3-ours" }, nil},
		{"corefile-plugin-gone", "", "", []string{"proxy"}, config("Corefile", ".:53 {\n    proxy . /etc/resolv.conf\n}\n"), nil},
		{"apiservers-apart", "", "", []string{"v1.33.0", "v1.31.0"}, func(in *Facts) {
			in.Cluster.Nodes = append(in.Cluster.Nodes, cluster.Node{Name: "cp-2", Role: cluster.ControlPlane, KubeletVersion: v("v1.33.0"),
				StaticPods: []cluster.StaticPod{{Component: "kube-apiserver", Version: v("v1.31.0")}}})
		}, []string{"half-finished", "component-newer-than-apiserver", "proxy-newer-than-apiserver", "etcd-newer-than-kubeadm"}},
		{"component-newer-than-apiserver", "", "", []string{"kube-scheduler", "v1.34.0"}, func(in *Facts) { in.Cluster.Nodes[0].StaticPods[1].Version = v("v1.34.0") }, []string{"half-finished"}},
		{"proxy-newer-than-apiserver", "", "", []string{"w-1", "v1.34.0"}, look(func(n *cluster.NodeLook) { n.Proxy = v("v1.34.0") }), nil},
		{"proxy-too-old", "", "", []string{"w-1", "v1.30.0"}, look(func(n *cluster.NodeLook) { n.Proxy = v("v1.30.0") }), nil},
		{"kubectl-skew", "", "", []string{"/usr/bin/kubectl", "v1.32.9", "v1.34.4"}, kubectl("v1.32.9"), nil},
		{"kubectl-skew", "", "", []string{"v1.36.0", "v1.34.4"}, kubectl("v1.36.0"), nil},
		{"half-finished", "", "", []string{"kube-scheduler", "v1.33.1"}, func(in *Facts) { in.Cluster.Nodes[0].StaticPods[1].Version = v("v1.33.1") }, nil},
		{"dockershim", "v1.23.0", "v1.24.0", []string{"w-1", "docker://20.10.7"}, node(func(n *cluster.Node) { n.ContainerRuntime = "docker://20.10.7" }), nil},
		{"cri-v1alpha2", "v1.25.0", "v1.26.0", []string{"w-1", "1.5.11"}, node(func(n *cluster.Node) { n.ContainerRuntime = "containerd://1.5.11" }), nil},
		{"crio-old", "v1.25.0", "v1.26.0", []string{"w-1", "1.19.0"}, node(func(n *cluster.Node) { n.ContainerRuntime = "cri-o://1.19.0" }), nil},
		{"containerd-1-ends", "v1.35.0", "v1.36.0", []string{"w-1", "1.7.29"}, node(func(n *cluster.Node) { n.ContainerRuntime = "containerd://1.7.29" }), nil},
		{"containerd-1", "v1.37.0", "v1.38.0", []string{"w-1", "1.7.29"}, node(func(n *cluster.Node) { n.ContainerRuntime = "containerd://1.7.29" }), nil},
		{"kernel-old", "", "", []string{"w-1", "4.19.0-27-amd64"}, look(func(n *cluster.NodeLook) { n.Kernel = "4.19.0-27-amd64" }), nil},
		{"etcd-skipped-minors", "v1.21.0", "v1.22.17", []string{"cp-1", "3.3.10"}, func(in *Facts) { in.Cluster.Nodes[0].StaticPods[2].Image = "k8s.gcr.io/etcd:3.3.10" }, []string{"etcd-unready"}},
		{"etcd-bad", "v1.21.0", "v1.22.0", []string{"cp-1", "3.5.0"}, func(in *Facts) { in.Cluster.Nodes[0].StaticPods[2].Image = "k8s.gcr.io/etcd:3.4.13-0" }, []string{"etcd-unready"}},
		{"etcd-args-unknown", "v1.36.3", "v1.37.2", []string{"etcd.local", "etcd 3.7 has no flag --experimental-compact-hash-check-enabled"}, config("ClusterConfiguration", etcdConfigured(
			"extraArgs:\n    - name: experimental-compact-hash-check-enabled\n      value: \"true\"\n    - name: quota-backend-bytes\n      value: \"8589934592\"\n")), nil},
		{"etcd-args-unknown", "v1.33.0", "v1.34.4", []string{"etcd.local", "ETCD_NAME stands beside a flag --name"}, config("ClusterConfiguration", etcdConfigured(
			"extraEnvs:\n    - name: ETCD_NAME\n      value: x\n    - name: GOGC\n      value: \"50\"\n")), nil},
		{"etcd-args-unheeded", "v1.33.0", "v1.34.4", []string{"etcd.local", "etcd 3.6 does not heed ETCD_SNAPSHOT_COUNTS"}, config("ClusterConfiguration", etcdConfigured(
			"extraEnvs:\n    - name: ETCD_SNAPSHOT_COUNTS\n      value: \"5\"\n")), nil},
		{"etcd-near-quota", "", "", []string{"10.0.0.1:6443", "1640 MiB", "80%", "2048 MiB", "cp-1"}, survey(func(s *cluster.Survey) { s.Databases[0].Bytes = 1640 << 20 }), nil},
		{"manifest-only-flag", "", "", []string{"static pod etcd", "cp-1", "--quota-backend-bytes=8589934592", "etcd.local.extraArgs"}, survey(func(s *cluster.Survey) {
			s.Components = append(s.Components, cluster.Component{Node: "cp-1", Name: "etcd", Flags: []cluster.Flag{{Name: "snapshot-count", Value: "10000"}, {Name: "quota-backend-bytes", Value: "8589934592"}}})
		}), nil},
		{"etcd-unready", "", "", []string{"cp-1", "3.5.24"}, func(in *Facts) { in.Cluster.Nodes[0].StaticPods[2].Image = "registry.k8s.io/etcd:3.5.24-0" }, nil},
		{"etcd-newer-than-kubeadm", "", "", []string{"cp-1", "3.6.16"}, func(in *Facts) { in.Cluster.Nodes[0].StaticPods[2].Image = "registry.k8s.io/etcd:3.6.16-0" }, nil},
		{"label-master-selected", "v1.23.0", "v1.24.0", []string{"Deployment shop/web"}, web(func(w *cluster.Workload) { w.Selects = []string{masterLabel} }), nil},
		{"label-master-gone", "", "", []string{"Deployment shop/web"}, web(func(w *cluster.Workload) { w.Selects = []string{masterLabel} }), nil},
		{"taint-master-tolerated", "v1.23.0", "v1.24.0", []string{"Deployment shop/web"}, web(func(w *cluster.Workload) { w.Tolerates, w.Nodes = []string{masterLabel}, []string{"cp-1"} }), nil},
		{"registry-frozen", "", "", []string{"shop/web", "k8s.gcr.io/x:1"}, web(func(w *cluster.Workload) { w.Images = []string{"k8s.gcr.io/x:1"} }), nil},
		{"registry-frozen-kubeadm", "v1.26.0", "v1.27.0", []string{"k8s.gcr.io"}, config("ClusterConfiguration", "apiVersion: kubeadm.k8s.io/v1beta3\nimageRepository: k8s.gcr.io\napiServer: {extraArgs: {audit-log-path: /var/log/audit.log}}"), nil},
		{"cri-socket-missing", "v1.33.0", "v1.34.0", []string{"w-1"}, look(func(n *cluster.NodeLook) { n.CRISocket = "" }), nil},
		{"cri-socket-dockershim", "v1.23.0", "v1.24.0", []string{"w-1", "dockershim.sock"}, look(func(n *cluster.NodeLook) { n.CRISocket = "/var/run/dockershim.sock" }), nil},
		{"apparmor-annotation", "", "", []string{"shop/web"}, web(func(w *cluster.Workload) {
			w.Annotations = []string{"container.apparmor.security.beta.kubernetes.io/web"}
		}), nil},
		{"seccomp-annotation", "v1.26.0", "v1.27.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Annotations = []string{"seccomp.security.alpha.kubernetes.io/pod"} }), nil},
		{"label-control-plane-missing", "", "", []string{"cp-1"}, survey(func(s *cluster.Survey) { s.Nodes[0].Labels = nil }), nil},
		{"volume-gitrepo", "v1.35.0", "v1.36.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"gitRepo"} }), nil},
		{"volume-flexvolume", "v1.35.0", "v1.36.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"flexVolume"} }), nil},
		{"volume-rbd", "v1.30.0", "v1.31.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"rbd"} }), nil},
		{"volume-cephfs", "v1.30.0", "v1.31.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"cephfs"} }), nil},
		{"volume-glusterfs", "v1.25.0", "v1.26.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"glusterfs"} }), nil},
		{"volume-flocker", "v1.24.0", "v1.25.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"flocker"} }), nil},
		{"volume-quobyte", "v1.24.0", "v1.25.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"quobyte"} }), nil},
		{"volume-storageos", "v1.24.0", "v1.25.0", []string{"shop/web"}, web(func(w *cluster.Workload) { w.Volumes = []string{"storageos"} }), nil},
		{"capacity-at-once", "", "", []string{"w-1", "w-2"}, func(in *Facts) { in.MaxUnavailable = 2 }, nil},
		{"pod-too-large", "", "", []string{"shop/big", "w-1", "5.00 CPU"}, func(in *Facts) {
			in.Cluster.Nodes = append(in.Cluster.Nodes, worker("w-3", v("v1.33.0")))
			in.Cluster.Nodes[1].Pods = append(in.Cluster.Nodes[1].Pods, cluster.Pod{Namespace: "shop", Name: "big", Controller: "StatefulSet", Requests: cluster.Resources{CPU: 5000, Pods: 1}})
		}, nil},
		{"pod-confined", "", "", []string{"shop/zonal", "w-1", "1.00 CPU", "w-2"}, func(in *Facts) {
			full := worker("w-2", v("v1.33.0"))
			full.Requested = cluster.Resources{CPU: 3500, Memory: 1 << 30, Pods: 2}
			in.Cluster.Nodes[2] = full
			in.Cluster.Nodes = append(in.Cluster.Nodes, worker("w-3", v("v1.33.0")))
			in.Cluster.Nodes[1].Pods = append(in.Cluster.Nodes[1].Pods, cluster.Pod{Namespace: "shop", Name: "zonal", Controller: "StatefulSet",
				Requests: cluster.Resources{CPU: 1000, Pods: 1}, Only: []string{"w-1", "w-2"}})
		}, nil},
		{"single-replica", "", "", []string{"shop/web", "w-1"}, web(func(w *cluster.Workload) { w.Pods, w.Nodes = 1, []string{"w-1"} }), nil},
		{"node-pressure", "", "", []string{"w-1", "DiskPressure"}, look(func(n *cluster.NodeLook) { n.Pressures = []string{"DiskPressure"} }), nil},
		{"dns-on-one-node", "", "", []string{"coredns", "w-1"}, survey(func(s *cluster.Survey) { s.Workloads[0].Nodes = []string{"w-1"} }), nil},
		{"apiserver-unhealthy", "", "", []string{"etcd failed"}, survey(func(s *cluster.Survey) { s.Unhealthy = []string{"etcd failed: reason withheld"} }), nil},
		{"apiserver-certificate-ends", "", "", []string{"10.0.0.1:6443", "2026-11-11", "in 10 days"}, survey(func(s *cluster.Survey) { s.Servers[0].Expiry = now.AddDate(0, 0, 10) }), nil},
		{"apiserver-certificate-ends", "", "", []string{"10.0.0.1:6443", "in 2 hours"}, survey(func(s *cluster.Survey) { s.Servers[0].Expiry = now.Add(2 * time.Hour) }), nil},
		{"apiserver-certificate-expired", "", "", []string{"10.0.0.1:6443", "2026-11-01", "in 59 minutes"}, survey(func(s *cluster.Survey) { s.Servers[0].Expiry = now.Add(59 * time.Minute) }), nil},
		{"apiserver-certificate-expired", "", "", []string{"10.0.0.1:6443", "3 days ago"}, survey(func(s *cluster.Survey) { s.Servers[0].Expiry = now.AddDate(0, 0, -3) }), nil},
		{"ca-key-elsewhere", "", "", []string{"cp-1"}, survey(func(s *cluster.Survey) {
			s.Components = append(s.Components, cluster.Component{Node: "cp-1", Name: "kube-controller-manager", Flags: []cluster.Flag{{Name: "cluster-signing-key-file"}}})
		}), nil},
		{"kubeadm-1.30.0", "v1.29.6", "v1.30.0", []string{"v1.30.0"}, func(*Facts) {}, nil},
		{"calico-token", "", "", []string{"web", "calico/node:v3.21.4"}, survey(func(s *cluster.Survey) { s.Workloads[1].Images = []string{"registry.example:5000/calico/node:v3.21.4"} }), nil},
		{"provisioner-selflink", "", "", []string{"web", "nfs-client-provisioner"}, survey(func(s *cluster.Survey) {
			s.Workloads[1].Images = []string{"quay.io/external_storage/nfs-client-provisioner:latest"}
		}), nil},
		{"sandbox-image-unpinned", "v1.28.15", "v1.29.15", []string{"w-1", "containerd://1.7.2"}, node(func(n *cluster.Node) { n.ContainerRuntime = "containerd://1.7.2" }), nil},
		{"kubelet-swap-unlimited", "", "", []string{"kubelet-config", "UnlimitedSwap"}, survey(func(s *cluster.Survey) {
			for i := range s.Configs {
				if s.Configs[i].Key == "kubelet" {
					s.Configs[i].Text += "memorySwap:\n  swapBehavior: UnlimitedSwap\n"
				}
			}
		}), nil},
		{"kubeadm-etcd-hash", "v1.28.1", "v1.28.5", []string{"cp-1", "v1.28.5", "3.5.9"}, func(in *Facts) {
			in.Cluster.Nodes[0].Host.DefaultedEtcd, in.Cluster.Nodes[0].StaticPods[2].Image = true, "registry.k8s.io/etcd:3.5.9-0"
		}, nil},
		{"kubeadm-1.29-ca-key", "v1.28.15", "v1.29.4", []string{"cp-1", "v1.29.4"}, survey(func(s *cluster.Survey) {
			s.Components = append(s.Components, cluster.Component{Node: "cp-1", Name: "kube-controller-manager", Flags: []cluster.Flag{{Name: "cluster-signing-key-file"}}})
		}), []string{"ca-key-elsewhere"}},
		{"client-certificate-ends", "", "", []string{"2026-11-01"}, survey(func(s *cluster.Survey) { s.ClientExpiry = now.Add(time.Hour) }), nil},
		{"clock-skew", "", "", []string{"w-1", "-1m0s"}, look(func(n *cluster.NodeLook) { n.ClockAhead = -time.Minute }), nil},
		{"dns-down", "", "", []string{"kube-system/kube-dns"}, survey(func(s *cluster.Survey) { s.Services[0].Ready = 0 }), nil},
		{"addon-not-ready", "", "", []string{"coredns"}, func(in *Facts) { in.Cluster.Addons[0].Ready = false }, nil},
		{"not-looked-at", "", "", []string{"webhooks", "forbidden"}, survey(func(s *cluster.Survey) { s.Unread = []cluster.Unread{{What: "webhooks", Cause: "forbidden"}} }), nil},
		{"certificate-expired", "", "", []string{"cp-1", "apiserver.crt"}, func(in *Facts) { in.Cluster.Nodes[0].Host.Certificates[0].NotAfter = now.AddDate(0, 0, -1) }, nil},
		{"certificate-ends", "", "", []string{"cp-1", "apiserver.crt"}, func(in *Facts) { in.Cluster.Nodes[0].Host.Certificates[0].NotAfter = now.AddDate(0, 0, 20) }, nil},
		{"repository-gone", "", "", []string{"w-1", "apt.kubernetes.io"}, node(func(n *cluster.Node) { n.Host.Sources[0].URL = "https://apt.kubernetes.io/" }), nil},
		{"repository-key-expired", "", "", []string{"w-1", "/etc/apt/keyrings/kubernetes.gpg", "https://pkgs.k8s.io/core:/stable:/v1.33/deb/", "3 days ago"},
			node(func(n *cluster.Node) { n.Host.Sources[0].KeyEnds = now.AddDate(0, 0, -3) }), nil},
		{"repository-key-ends", "", "", []string{"w-1", "/etc/apt/keyrings/kubernetes.gpg", "2026-11-11", "in 10 days"},
			node(func(n *cluster.Node) { n.Host.Sources[0].KeyEnds = now.AddDate(0, 0, 10) }), nil},
		{"unattended-upgrades", "", "", []string{"w-1", "kubelet"}, node(func(n *cluster.Node) { n.Host.Unattended, n.Host.Packages[0].Held = true, true }), nil},
		{"package-half-installed", "", "", []string{"w-1", "kubelet", "half-configured"}, node(func(n *cluster.Node) { n.Host.Packages[1].State = "half-configured" }), nil},
		{"extra-manifest", "", "", []string{"w-1", "old.yaml"}, node(func(n *cluster.Node) { n.Host.ExtraManifests = []string{"/etc/kubernetes/manifests/old.yaml"} }), nil},
	}
	tested := map[string]bool{}
	for _, tt := range tests {
		tested[tt.id] = true
		if tt.from == "" {
			tt.from, tt.to = "v1.33.0", "v1.34.4"
		}
		t.Run(tt.id, func(t *testing.T) {
			f := clusterAt(tt.from, tt.to)
			before := ids(Find(f))
			tt.hazard(&f)
			var hit bool
			for _, h := range Find(f) {
				switch {
				case h.ID == tt.id:
					hit = true
					text := strings.Join(h.Offenders, "\n")
					for _, n := range tt.names {
						if !strings.Contains(text, n) {
							t.Errorf("%q does not name %q", text, n)
						}
					}
					if strings.Contains(text, "%!") {
						t.Errorf("%q is not what the row's evidence asks for", text)
					}
				case !slices.Contains(tt.also, h.ID) && !slices.Contains(before, h.ID):
					t.Errorf("found %s as well: %v", h.ID, h.Offenders)
				}
			}
			if !hit {
				t.Fatalf("found %v and not %s", ids(Find(f)), tt.id)
			}
		})
	}
	for _, h := range All() {
		ofTable := slices.ContainsFunc([]string{"api-", "flag-", "gate-"}, func(p string) bool { return strings.HasPrefix(h.ID, p) })
		if !ofTable && !tested[h.ID] {
			t.Errorf("no test makes %s", h.ID)
		}
	}
}

// TestHelmBesideTheWay: what ends before or after the way is none of its business.
func TestHelmBesideTheWay(t *testing.T) {
	for _, way := range [][2]string{{"v1.23.17", "v1.24.17"}, {"v1.25.16", "v1.26.15"}, {"v1.24.16", "v1.24.17"}} {
		f := clusterAt(way[0], way[1])
		f.Cluster.Survey.HelmReleases = []cluster.HelmRelease{{Namespace: "shop", Name: "web", Objects: []cluster.HelmObject{{Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget", Name: "web"}}}}
		if got := find(f, "helm-release-removed-api"); got != nil {
			t.Errorf("from %s to %s: found %v", way[0], way[1], got)
		}
	}
}

// TestKubectlBeside: one minor to either side is supported, and of a kubectl that could not be asked nothing is said.
func TestKubectlBeside(t *testing.T) {
	for _, is := range []string{"v1.33.0", "v1.34.0", "v1.35.9", ""} {
		f := clusterAt("v1.33.0", "v1.34.4")
		f.Cluster.Survey.Kubectl = nil
		if is != "" {
			f.Cluster.Survey.Kubectl = &cluster.Kubectl{Path: "kubectl", Version: version.MustParse(is)}
		}
		if got := find(f, "kubectl-skew"); got != nil {
			t.Errorf("kubectl %q: found %v", is, got)
		}
	}
}

// TestRepositoryKeysThatDoNotMatter: a bundle is no repository, and of a key whose end is not known nothing is said.
func TestRepositoryKeysThatDoNotMatter(t *testing.T) {
	for name, change := range map[string]func(*Facts, *cluster.PackageSource){
		"packages of a bundle": func(f *Facts, s *cluster.PackageSource) { f.BundledPackages, s.KeyEnds = true, now.AddDate(0, 0, -3) },
		"no end":               func(_ *Facts, s *cluster.PackageSource) { s.KeyEnds = time.Time{} },
		"in a month and a day": func(_ *Facts, s *cluster.PackageSource) { s.KeyEnds = now.AddDate(0, 0, 31) },
	} {
		f := clusterAt("v1.33.0", "v1.34.4")
		change(&f, &f.Cluster.Nodes[1].Host.Sources[0])
		for _, id := range []string{"repository-key-expired", "repository-key-ends"} {
			if got := find(f, id); got != nil {
				t.Errorf("%s: %s: found %v", name, id, got)
			}
		}
	}
}

// TestNearQuota: the quota is what the members are told, wherever it is said, and of another etcd nothing is claimed.
func TestNearQuota(t *testing.T) {
	const large = 7 << 30
	flag := func(value string) []cluster.Flag { return []cluster.Flag{{Name: "quota-backend-bytes", Value: value}} }
	env := func(value string) []cluster.Flag {
		return []cluster.Flag{{Name: "ETCD_QUOTA_BACKEND_BYTES", Value: value}}
	}
	tests := []struct {
		name     string
		etcd     []cluster.Component
		database cluster.Database
		found    bool
	}{
		{"below", []cluster.Component{{}}, cluster.Database{Etcd: "etcd-0", Bytes: 1600 << 20}, false},
		{"by default", []cluster.Component{{}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, true},
		{"zero is the default", []cluster.Component{{Flags: flag("0")}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, true},
		{"by flag", []cluster.Component{{Flags: flag("8589934592")}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, true},
		{"enough by flag", []cluster.Component{{Flags: flag("17179869184"), Env: env("1")}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, false},
		{"enough by environment", []cluster.Component{{Env: env("17179869184")}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, false},
		{"no limit", []cluster.Component{{Flags: flag("-1")}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, false},
		{"one of two has less", []cluster.Component{{Flags: flag("17179869184")}, {}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, true},
		{"a file of its own", []cluster.Component{{Flags: []cluster.Flag{{Name: "config-file", Value: "/etc/etcd.yaml"}}}}, cluster.Database{Etcd: "etcd-0", Bytes: large}, false},
		{"not kubeadm's", nil, cluster.Database{Etcd: "etcd-0", Bytes: large}, false},
		{"by its URL, before 1.28", []cluster.Component{{}}, cluster.Database{Etcd: "https://127.0.0.1:2379", Bytes: large}, true},
		{"that of events", []cluster.Component{{}}, cluster.Database{Etcd: "https://10.0.0.9:2379", Bytes: large}, false},
		{"that of events, from 1.28 on", []cluster.Component{{}}, cluster.Database{Etcd: "etcd-1", Bytes: large}, false},
	}
	for _, tt := range tests {
		f := clusterAt("v1.33.0", "v1.34.4")
		s := f.Cluster.Survey
		s.Components = s.Components[:1]
		for _, c := range tt.etcd {
			c.Name, c.Node = "etcd", "cp-1"
			s.Components = append(s.Components, c)
		}
		f.Cluster.Nodes[0].StaticPods[0].EtcdServers = []string{"https://127.0.0.1:2379"}
		s.Databases = []cluster.Database{tt.database}
		if got := find(f, "etcd-near-quota"); (got != nil) != tt.found {
			t.Errorf("%s: found %v", tt.name, got)
		}
		f.Cluster.Etcd = &cluster.Etcd{Members: []cluster.EtcdMember{{Name: "cp-1"}}}
		if got := find(f, "etcd-near-quota"); got != nil {
			t.Errorf("%s, and the members have told for themselves: found %v", tt.name, got)
		}
	}
}

// etcdConfigured is a ClusterConfiguration with something for etcd.
func etcdConfigured(local string) string {
	return "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n  - name: audit-log-path\n    value: /var/log/audit.log\netcd:\n  local:\n    " + local
}

// TestRowsAreWhole wants of each row what an operator is told of it.
func TestRowsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range All() {
		if seen[h.ID] {
			t.Errorf("two rows are called %s", h.ID)
		}
		seen[h.ID] = true
		if h.Title == "" || h.Fix == "" || h.Evidence == "" || h.find == nil || !strings.HasPrefix(h.Source, "https://") {
			t.Errorf("row %s is not whole", h.ID)
		}
		if !slices.Contains([]Severity{Mandatory, Skippable, Advice}, h.Severity) {
			t.Errorf("row %s has severity %q", h.ID, h.Severity)
		}
	}
	if len(seen) < 80 {
		t.Errorf("%d rows", len(seen))
	}
}
