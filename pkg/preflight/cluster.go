package preflight

import (
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// versionPolicy holds the target against what runs. kubeadm does not go back.
func versionPolicy(in Input) []Finding {
	have := in.Cluster.Kubeadm.KubernetesVersion
	if !in.To.Less(have) {
		return nil
	}
	return []Finding{{ID: "version-policy", Severity: Error, Object: "--to " + in.To.String(),
		Message: fmt.Sprintf("the cluster is at %s, which is newer: kubeadm does not go back", have), Fix: "ask for a newer version"}}
}

// skew judges the kubelets as they are. That none falls behind on the way is the plan's to see to.
func skew(in Input) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		v := n.KubeletVersion
		switch {
		case v.IsZero():
			out = append(out, Finding{ID: "kubelet-version", Severity: Error, Object: node(n), Message: "its kubelet reports no version that can be read",
				Fix: "put a release of Kubernetes' own there; see: kubectl get node " + n.Name + " -o wide"})
		case in.To.Less(v):
			out = append(out, Finding{ID: "kubelet-skew", Severity: Error, Object: node(n),
				Message: fmt.Sprintf("its kubelet %s is newer than the target", v), Fix: "choose a target that is not older than any kubelet"})
		}
	}
	return out
}

func nodesReady(in Input) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		if !n.Ready {
			out = append(out, Finding{ID: "node-not-ready", Severity: Error, Object: node(n),
				Message: "it is not Ready: " + n.NotReadyCause, Fix: "mend or remove the node first: an upgrade needs every node to answer"})
		}
	}
	return out
}

func staticPodsReady(in Input) []Finding {
	var out []Finding
	if len(in.Cluster.OfRole(cluster.ControlPlane)) == 0 {
		out = append(out, Finding{ID: "no-control-plane", Severity: Error, Message: "no node has the label of a control-plane node",
			Fix: "label them node-role.kubernetes.io/control-plane= as kubeadm does"})
	}
	for _, n := range in.Cluster.OfRole(cluster.ControlPlane) {
		if n.Ready && len(n.StaticPods) == 0 {
			out = append(out, Finding{ID: "no-static-pods", Severity: Error, Object: node(n), Message: "no static pods of kubeadm's run on it",
				Fix: "see that the kubelet reads /etc/kubernetes/manifests (staticPodPath), or take the control-plane label away if it is none"})
		}
		for _, s := range n.StaticPods {
			if n.Ready && !s.Ready {
				out = append(out, Finding{ID: StaticPodNotReady, Severity: Error, Object: "pod kube-system/" + s.Component + "-" + n.Name,
					Message: "it is not Ready", Fix: "see why with: kubectl -n kube-system describe pod " + s.Component + "-" + n.Name})
			}
		}
	}
	return out
}

func cordoned(in Input) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		if n.Unschedulable && !n.CordonedByUs {
			out = append(out, Finding{ID: "node-cordoned", Severity: Warning, Object: node(n), Message: "it was cordoned by somebody: it is upgraded and stays cordoned"})
		}
	}
	return out
}

func node(n cluster.Node) string { return fmt.Sprintf("node %q", n.Name) }
