package hazard

import (
	"math"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	skewPolicy  = "https://kubernetes.io/releases/version-skew-policy/"
	kubeadmEtcd = source + "blob/v1.37.2/cmd/kubeadm/app/constants/constants.go"
)

var skewRows = []Hazard{
	{ID: "apiservers-apart", Severity: Mandatory, Source: skewPolicy,
		Title: "API servers are more than one minor apart", Evidence: "API servers run %s and %s", Fix: "bring the oldest to within one minor of the newest first",
		find: func(f Facts) []Offender {
			low, high := apiservers(f.Cluster)
			if low.MinorsTo(high) <= 1 {
				return nil
			}
			return []Offender{{low, high}}
		}},
	{ID: "component-newer-than-apiserver", Severity: Advice, Source: skewPolicy,
		Title: "a part of the control plane is newer than an API server, as in the middle of an upgrade", Evidence: "%s of node %q runs %s, an API server %s", Fix: "finish the upgrade that was begun, with the same target",
		find: func(f Facts) []Offender {
			low, _ := apiservers(f.Cluster)
			return eachStaticPod(f, func(n cluster.Node, s cluster.StaticPod) []Offender {
				if !s.OfKubernetes() || low.IsZero() || s.Version.IsZero() || s.Version.MinorsTo(low) >= 0 {
					return nil
				}
				return []Offender{{s.Component, n.Name, s.Version, low}}
			})
		}},
	{ID: "proxy-newer-than-apiserver", Severity: Advice, Source: skewPolicy,
		Title: "kube-proxy is newer than an API server", Evidence: "kube-proxy of node %q runs %s, an API server %s", Fix: "finish the upgrade that was begun",
		find: func(f Facts) []Offender {
			low, _ := apiservers(f.Cluster)
			return eachProxy(f, func(n cluster.NodeLook) bool { return !low.IsZero() && n.Proxy.MinorsTo(low) < 0 }, low)
		}},
	{ID: "proxy-too-old", Severity: Skippable, Source: skewPolicy,
		Title: "kube-proxy falls further behind the API server than is allowed before kubeadm replaces it", Evidence: "kube-proxy of node %q runs %s, the API server goes to %s",
		Fix: "bring kube-proxy to the version of the cluster first: kubeadm upgrade apply phase addon kube-proxy",
		find: func(f Facts) []Offender {
			allowed := 3
			if f.From.Minor < 25 {
				allowed = 2
			}
			next := f.From
			next.Minor++
			return eachProxy(f, func(n cluster.NodeLook) bool { return n.Proxy.MinorsTo(next) > allowed }, next)
		}},
	{ID: "kubectl-skew", Severity: Advice, Source: skewPolicy + "#kubectl",
		Title: "the operator's kubectl is more than one minor from the API server that the upgrade leads to: what it does there is not supported", Evidence: "%s is %s, the API server goes to %s",
		Fix: "install a kubectl of the target's minor, or of one beside it: https://kubernetes.io/docs/tasks/tools/",
		find: func(f Facts) []Offender {
			k := f.Cluster.Survey.Kubectl
			if k == nil || max(k.Version.MinorsTo(f.To), f.To.MinorsTo(k.Version)) <= 1 {
				return nil
			}
			return []Offender{{k.Path, k.Version, f.To}}
		}},
	{ID: "half-finished", Severity: Advice, Source: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/",
		Title: "an earlier upgrade is not finished", Evidence: "%s of node %q runs %s, and kubeadm's configuration says %s", Fix: "the upgrade goes on from there: the control plane first, then the kubelets",
		find: func(f Facts) []Offender {
			want := f.Cluster.Kubeadm.KubernetesVersion
			return eachStaticPod(f, func(n cluster.Node, s cluster.StaticPod) []Offender {
				if !s.OfKubernetes() || s.Version.IsZero() || want.IsZero() || s.Version == want {
					return nil
				}
				return []Offender{{s.Component, n.Name, s.Version, want}}
			})
		}},
	{ID: "dockershim", Since: "1.24", Severity: Mandatory, Source: source + "pull/97252",
		Title: "the kubelet of 1.24 does not speak to Docker", Evidence: "node %q runs %s", Fix: "change the node to containerd, or install cri-dockerd and set the node's cri-socket annotation to its socket",
		find: runtimes(func(name string, _ version.Version) bool { return name == "docker" })},
	{ID: "cri-v1alpha2", Since: "1.26", Severity: Mandatory, Source: source + "pull/110618",
		Title: "the kubelet of 1.26 needs version 1 of the container runtime's API", Evidence: "node %q runs %s, which has it from 1.6 on", Fix: "upgrade containerd to 1.6.15 or newer first",
		find: runtimes(func(name string, v version.Version) bool { return name == "containerd" && v.Major == 1 && v.Minor < 6 })},
	{ID: "sandbox-image-unpinned", Since: "1.29", Severity: Advice, Source: source + "pull/118544",
		Title:    "kubelets from 1.29 on leave it to the runtime to keep the image of the sandbox, which this one does not: where it was collected as garbage and no registry is reached, no pod starts",
		Evidence: "node %q runs %s, which keeps it from 1.6.22 and 1.7.3 on", Fix: "upgrade containerd first, and have it pull its sandbox image by crictl pull",
		find: runtimes(func(name string, v version.Version) bool {
			return name == "containerd" && v.Major == 1 && (v.Minor < 6 || v.Minor == 6 && v.Patch < 22 || v.Minor == 7 && v.Patch < 3)
		})},
	{ID: "containerd-1-ends", Since: "1.36", Until: "1.38", Stays: true, Severity: Advice, Source: source + "pull/139121",
		Title:    "kubelets from 1.38 on need a runtime that tells its cgroup driver, which containerd 1 does not (first announced for 1.36)",
		Evidence: "node %q runs %s", Fix: "plan the change to containerd 2",
		find: runtimes(func(name string, v version.Version) bool { return name == "containerd" && v.Major == 1 })},
	{ID: "containerd-1", Since: "1.38", Stays: true, Severity: Mandatory, Source: source + "pull/139121",
		Title:    "the kubelet of 1.38 needs a runtime that tells its cgroup driver, which containerd 1 does not",
		Evidence: "node %q runs %s", Fix: "upgrade containerd to 2.0 or newer first",
		find: runtimes(func(name string, v version.Version) bool { return name == "containerd" && v.Major == 1 })},
	{ID: "crio-old", Since: "1.26", Severity: Mandatory, Source: "https://github.com/cri-o/cri-o#compatibility-matrix-cri-o--kubernetes",
		Title: "this CRI-O does not have version 1 of the container runtime's API, which the kubelet of 1.26 needs", Evidence: "node %q runs %s", Fix: "upgrade CRI-O to the minor of the kubelet first",
		find: runtimes(func(name string, v version.Version) bool { return name == "cri-o" && v.Major == 1 && v.Minor < 20 })},
	{ID: "kernel-old", Since: "1.34", Stays: true, Severity: Advice, Source: "https://github.com/kubernetes/system-validators/blob/v1.10.2/validators/types_unix.go",
		Title: "kubeadm's own check takes this kernel for unsupported", Evidence: "node %q runs Linux %s", Fix: "upgrade the kernel to 5.4, 5.10, 5.15 or 6 and newer",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, n := range f.Cluster.Survey.Nodes {
				if v, ok := kernel(n.Kernel); ok && !supportedKernel(v) {
					out = append(out, Offender{n.Name, n.Kernel})
				}
			}
			return out
		}},
	{ID: "etcd-skipped-minors", Severity: Mandatory, Source: kubeadmEtcd,
		Title: "kubeadm would take its etcd over minors that it has to go through", Evidence: "etcd of node %q: %s", Fix: "upgrade etcd first: kubectl upgrade etcd; then have it left alone with --etcd keep",
		find: pairing("kubeadm-etcd-skips")},
	{ID: "etcd-bad", Severity: Skippable, Source: kubeadmEtcd,
		Title: "kubeadm would put an etcd in place that loses data", Evidence: "etcd of node %q: %s", Fix: "set etcd.local.imageTag in kubeadm's configuration to a release without the fault, or upgrade etcd by kubectl upgrade etcd and use --etcd keep",
		find: pairing("kubeadm-etcd-bad")},
	{ID: "etcd-unready", Severity: Advice, Source: kubeadmEtcd,
		Title: "kubeadm would take its etcd to the next minor from a release that is not the best to do so from", Evidence: "etcd of node %q: %s", Fix: "upgrade etcd first: kubectl upgrade etcd; then have it left alone with --etcd keep",
		find: pairing("kubeadm-etcd-unready")},
	{ID: "etcd-newer-than-kubeadm", Severity: Advice, Source: kubeadmEtcd,
		Title: "control-plane nodes that join later get an older etcd than this one", Evidence: "etcd of node %q: %s", Fix: "set etcd.local.imageTag in kubeadm's configuration",
		find: pairing("etcd-newer")},
}

func apiservers(c *cluster.Cluster) (low, high version.Version) {
	for _, n := range c.Nodes {
		s, ok := n.Component("kube-apiserver")
		if !ok || s.Version.IsZero() {
			continue
		}
		if low.IsZero() || s.Version.Less(low) {
			low = s.Version
		}
		if high.Less(s.Version) {
			high = s.Version
		}
	}
	return low, high
}

func eachStaticPod(f Facts, judge func(cluster.Node, cluster.StaticPod) []Offender) []Offender {
	var out []Offender
	for _, n := range f.Cluster.Nodes {
		for _, s := range n.StaticPods {
			out = append(out, judge(n, s)...)
		}
	}
	return out
}

func eachProxy(f Facts, bad func(cluster.NodeLook) bool, beside version.Version) []Offender {
	var out []Offender
	for _, n := range f.Cluster.Survey.Nodes {
		if !n.Proxy.IsZero() && bad(n) {
			out = append(out, Offender{n.Name, n.Proxy, beside})
		}
	}
	return out
}

// runtimes finds nodes by their container runtime, which they report as NAME://VERSION.
func runtimes(bad func(name string, v version.Version) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		var out []Offender
		for _, n := range f.Cluster.Nodes {
			name, text, _ := strings.Cut(n.ContainerRuntime, "://")
			v, _ := version.Parse(numbers(text))
			if f.moves(n) && bad(name, v) {
				out = append(out, Offender{n.Name, n.ContainerRuntime})
			}
		}
		return out
	}
}

// kernel reads the numbers that a kernel's release begins with, such as "6.1.0-18-amd64".
func kernel(release string) (version.Version, bool) {
	text := numbers(release)
	if strings.Count(text, ".") == 1 {
		text += ".0"
	}
	v, err := version.Parse(text)
	return v, err == nil
}

// numbers are those that a version begins with, as of "1.5.9~ds1" or "1.5.9-0ubuntu1".
func numbers(text string) string {
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i > 0 {
		return text[:i]
	}
	return text
}

func supportedKernel(v version.Version) bool {
	return v.Major >= 6 || v.Major == 5 && (v.Minor == 4 || v.Minor == 10 || v.Minor == 15)
}

// pairing holds the etcd that runs against kubeadm of every minor on the way, where kubeadm runs etcd. Where it is told to leave it alone, it
// only matters what nodes that join get.
func pairing(id string) func(Facts) []Offender {
	return func(f Facts) []Offender {
		if f.KeepEtcd && id != "etcd-newer" {
			return nil
		}
		return eachStaticPod(f, func(n cluster.Node, s cluster.StaticPod) []Offender {
			if s.Component != etcdPod || f.Cluster.Kubeadm.EtcdImageTag != "" {
				return nil
			}
			etcd, ok := etcdOf(s.Image)
			if !ok {
				return nil
			}
			var out []Offender
			from := controlPlane(f.Cluster)
			for at := from; ; at.Minor++ {
				switch at.Minor {
				case f.To.Minor:
					at = f.To
				case from.Minor:
				default:
					at = newest(at)
				}
				if at != from {
					for _, p := range knowledge.CheckPairing(at, etcd) {
						// What is a warning holds only under a condition, or is advice: etcd-newer is all of it.
						if p.ID == id && (!p.Warning || id == "etcd-newer") {
							out = append(out, Offender{n.Name, p.Message})
						}
					}
				}
				if len(out) > 0 || at.Minor >= f.To.Minor {
					return out
				}
				// From here on kubeadm has put its own in place.
				if p, err := knowledge.EtcdFor(at); err == nil && etcd.Less(p.Default) && at != from {
					etcd = p.Default
				}
			}
		})
	}
}

// newest is the newest release of a minor of which it is known what etcd its kubeadm has: a way leads through the newest of each.
func newest(v version.Version) version.Version {
	v.Patch = math.MaxInt32
	if p, err := knowledge.EtcdFor(v); err == nil {
		return p.Kubernetes
	}
	return v
}

// etcdOf is the release of etcd in an image, whose tag has a revision behind a dash.
func etcdOf(image string) (version.Version, bool) {
	image, _, _ = strings.Cut(image, "@")
	i := strings.LastIndexByte(image, ':')
	if i < 0 {
		return version.Version{}, false
	}
	tag, _, _ := strings.Cut(image[i+1:], "-")
	v, err := version.Parse(tag)
	return v, err == nil
}
