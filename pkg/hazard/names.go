package hazard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

const (
	masterLabel      = "node-role.kubernetes.io/master"
	controlPlaneName = "node-role.kubernetes.io/control-plane"
	renamedMaster    = "https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/kubeadm/2067-rename-master-label-taint"
	oldRegistry      = "https://kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement/"
)

var nameRows = []Hazard{
	{ID: "label-master-selected", Since: "1.24", Severity: Skippable, Source: renamedMaster,
		Title: "kubeadm of 1.24 takes the label node-role.kubernetes.io/master off: pods that want it find no node any more", Evidence: "%s selects nodes by it",
		Fix:  "select by node-role.kubernetes.io/control-plane, which is there since 1.20",
		find: workloads(func(w cluster.Workload) bool { return slices.Contains(w.Selects, masterLabel) })},
	{ID: "label-master-gone", Severity: Skippable, Source: renamedMaster, Since: "1.25", Stays: true,
		Title: "no node has the label node-role.kubernetes.io/master any more: a pod that wants it does not come up again once it is drained", Evidence: "%s selects nodes by it",
		Fix: "select by node-role.kubernetes.io/control-plane",
		find: func(f Facts) []Offender {
			if slices.ContainsFunc(f.Cluster.Survey.Nodes, func(n cluster.NodeLook) bool { return slices.Contains(n.Labels, masterLabel) }) {
				return nil
			}
			return workloads(func(w cluster.Workload) bool { return slices.Contains(w.Selects, masterLabel) })(f)
		}},
	{ID: "taint-master-tolerated", Since: "1.24", Severity: Skippable, Source: renamedMaster,
		Title: "kubeadm of 1.24 adds the taint node-role.kubernetes.io/control-plane: pods that bear only the old one do not come back to the control plane", Evidence: "%s bears only the taint node-role.kubernetes.io/master",
		Fix: "let it bear node-role.kubernetes.io/control-plane too",
		find: onControlPlane(func(w cluster.Workload) bool {
			return slices.Contains(w.Tolerates, masterLabel) && !slices.Contains(w.Tolerates, controlPlaneName) && !slices.Contains(w.Tolerates, "*")
		})},
	{ID: "registry-frozen", Severity: Advice, Source: oldRegistry,
		Title: "the registry k8s.gcr.io is frozen and may go: a node that does not have the image yet may not get it", Evidence: "%s uses %s",
		Fix: "take the images from registry.k8s.io",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, w := range f.Cluster.Survey.Workloads {
				for _, i := range w.Images {
					if strings.HasPrefix(i, "k8s.gcr.io/") && w.Kind != "static pod" && !ofKubeadm(w) {
						out = append(out, Offender{name(w), i})
					}
				}
			}
			return out
		}},
	{ID: "registry-frozen-kubeadm", Severity: Skippable, Source: oldRegistry,
		Title: "kubeadm takes its images from a registry that has none of the releases since April 2023", Evidence: "ConfigMap kube-system/kubeadm-config: imageRepository: %s",
		Fix: "set imageRepository: registry.k8s.io",
		find: func(f Facts) []Offender {
			c, ok := f.kubeadm()
			// kubeadm up to 1.25 changes it by itself: https://github.com/kubernetes/kubernetes/pull/110343
			if !ok || c.ImageRepository != "k8s.gcr.io" || f.To.Minor < 27 || f.Cluster.Kubeadm.KubernetesVersion.Minor < 25 {
				return nil
			}
			return []Offender{{c.ImageRepository}}
		}},
	{ID: "cri-socket-missing", Severity: Mandatory, Source: source + "blob/v1.34.4/cmd/kubeadm/app/util/config/cluster.go",
		Title: "kubeadm does not find a node's container runtime without its note of the socket", Evidence: "node %q has no annotation kubeadm.alpha.kubernetes.io/cri-socket",
		Fix:  "put it there: kubectl annotate node NAME kubeadm.alpha.kubernetes.io/cri-socket=unix:///run/containerd/containerd.sock",
		find: criSocket},
	{ID: "cri-socket-dockershim", Since: "1.24", Severity: Mandatory, Source: source + "pull/97252",
		Title: "kubeadm has noted the socket of dockershim, which is gone", Evidence: "node %q: kubeadm.alpha.kubernetes.io/cri-socket: %s",
		Fix:  "change the node to containerd or cri-dockerd, and the annotation with it",
		find: looks(func(n cluster.NodeLook) bool { return strings.HasSuffix(n.CRISocket, "dockershim.sock") }, func(n cluster.NodeLook) Offender { return Offender{n.Name, n.CRISocket} })},
	{ID: "apparmor-annotation", Since: "1.34", Severity: Advice, Source: "https://kubernetes.io/docs/tutorials/security/apparmor/",
		Title: "AppArmor profiles are set by annotation, which is deprecated since 1.30", Evidence: "%s", Fix: "set securityContext.appArmorProfile",
		find: workloads(func(w cluster.Workload) bool { return annotated(w, "container.apparmor.security.beta.kubernetes.io/") })},
	// Advice only: up to 1.24 the API server itself adds the annotation to pods that have the field.
	{ID: "seccomp-annotation", Since: "1.27", Severity: Advice, Source: source + "pull/114947",
		Title: "seccomp profiles that are set by annotation mean nothing from 1.27 on: pods whose template has no securityContext.seccompProfile run without", Evidence: "%s", Fix: "set securityContext.seccompProfile",
		find: workloads(func(w cluster.Workload) bool { return annotated(w, "seccomp.security.alpha.kubernetes.io/pod") })},
	{ID: "label-control-plane-missing", Since: "1.24", Stays: true, Severity: Skippable, Source: renamedMaster,
		Title: "kubeadm does not take this node for one of the control plane", Evidence: "node %q has static pods of the control plane and not the label node-role.kubernetes.io/control-plane",
		Fix: "kubectl label node NAME node-role.kubernetes.io/control-plane=",
		find: func(f Facts) []Offender {
			return looks(func(n cluster.NodeLook) bool {
				known, ok := f.node(n.Name)
				_, runs := known.Component("kube-apiserver")
				return ok && runs && !slices.Contains(n.Labels, controlPlaneName) && f.From.Minor >= 20
			}, func(n cluster.NodeLook) Offender { return Offender{n.Name} })(f)
		}},
}

// criSocket is silent where kubeadm has its note on the host instead: from 1.34 on, or by a gate before.
func criSocket(f Facts) []Offender {
	if c, _ := f.kubeadm(); f.Cluster.Kubeadm.KubernetesVersion.Minor >= 34 || c.FeatureGates["NodeLocalCRISocket"] {
		return nil
	}
	return looks(func(n cluster.NodeLook) bool { return n.CRISocket == "" }, func(n cluster.NodeLook) Offender { return Offender{n.Name} })(f)
}

func annotated(w cluster.Workload, prefix string) bool {
	return slices.ContainsFunc(w.Annotations, func(a string) bool { return strings.HasPrefix(a, prefix) })
}

// ofKubeadm tells the workloads whose images kubeadm replaces itself.
func ofKubeadm(w cluster.Workload) bool {
	return w.Namespace == "kube-system" && (w.Name == "kube-proxy" || w.Name == "coredns")
}

func name(w cluster.Workload) string { return fmt.Sprintf("%s %s/%s", w.Kind, w.Namespace, w.Name) }

func workloads(bad func(cluster.Workload) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		var out []Offender
		for _, w := range f.Cluster.Survey.Workloads {
			if w.Kind != "static pod" && !ofKubeadm(w) && bad(w) {
				out = append(out, Offender{name(w)})
			}
		}
		return out
	}
}

// onControlPlane finds workloads that have pods on a control-plane node.
func onControlPlane(bad func(cluster.Workload) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		return workloads(func(w cluster.Workload) bool {
			return bad(w) && slices.ContainsFunc(w.Nodes, func(name string) bool {
				n, ok := f.node(name)
				return ok && n.Role == cluster.ControlPlane
			})
		})(f)
	}
}

func looks(bad func(cluster.NodeLook) bool, say func(cluster.NodeLook) Offender) func(Facts) []Offender {
	return func(f Facts) []Offender {
		var out []Offender
		for _, n := range f.Cluster.Survey.Nodes {
			if bad(n) {
				out = append(out, say(n))
			}
		}
		return out
	}
}

// closedRepositories are hosts that take packages from where there are none any more.
func closedRepositories(f Facts) []Offender {
	return eachSource(f, func(node string, s cluster.PackageSource) []Offender {
		if !strings.Contains(s.URL, "apt.kubernetes.io") && !strings.Contains(s.URL, "packages.cloud.google.com") {
			return nil
		}
		return []Offender{{node, s.URL, s.File}}
	})
}

// eachSource judges the package sources of the hosts that were asked, unless none of them is used.
func eachSource(f Facts, judge func(node string, s cluster.PackageSource) []Offender) []Offender {
	if f.BundledPackages {
		return nil
	}
	var out []Offender
	for _, n := range f.Cluster.Nodes {
		if n.Host == nil {
			continue
		}
		for _, s := range n.Host.Sources {
			out = append(out, judge(n.Name, s)...)
		}
	}
	return out
}
