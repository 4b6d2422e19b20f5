package plan

import (
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// ControlPlaneComponents are the static pods whose image carries the Kubernetes version.
var ControlPlaneComponents = cluster.KubernetesComponents()

// ControlPlaneAt tells whether every Kubernetes component of a control-plane node runs the version.
func ControlPlaneAt(n cluster.Node, to version.Version) bool {
	for _, name := range ControlPlaneComponents {
		if s, ok := n.Component(name); !ok || s.Version != to {
			return false
		}
	}
	return true
}

// AddonsAt tells whether kube-proxy runs the version and every add-on is rolled out. CoreDNS has versions of its own, chosen by kubeadm.
func AddonsAt(c *cluster.Cluster, to version.Version) bool {
	for _, a := range c.Addons {
		if !a.Ready {
			return false
		}
	}
	return kubeProxyAt(c, to)
}

// Applied tells whether "kubeadm upgrade apply" went through to its end: it records the version first and rolls out kube-proxy last,
// but the latter only when the whole control plane is at the version (kubernetes/kubernetes#116570).
func Applied(c *cluster.Cluster, to version.Version) bool {
	return c.Kubeadm.KubernetesVersion == to && (!AllControlPlanesAt(c, to) || kubeProxyAt(c, to))
}

// AllControlPlanesAt tells whether the static pods of every control-plane node run the version.
func AllControlPlanesAt(c *cluster.Cluster, to version.Version) bool {
	for _, n := range c.OfRole(cluster.ControlPlane) {
		if !ControlPlaneAt(n, to) {
			return false
		}
	}
	return true
}

func kubeProxyAt(c *cluster.Cluster, to version.Version) bool {
	for _, a := range c.Addons {
		if a.Name == "kube-proxy" && !strings.HasSuffix(a.Image, ":"+to.String()) {
			return false
		}
	}
	return true
}

// nodeDone tells whether nothing is left to do on a node after the control plane is at the stop's version.
func (s stop) nodeDone(n cluster.Node) bool {
	if n.KubeletVersion != s.Version || n.CordonedByUs || n.Marked {
		return false
	}
	if n.Host == nil {
		return true
	}
	if n.Host.HeldBefore != nil {
		return false
	}
	for name, v := range s.packages(n.Name, s.Version) {
		if p, ok := n.Host.Package(name); !ok || p.Version != v {
			return false
		}
	}
	return true
}

// held are the packages whose hold has to be there at the end: those held now, or before an interrupted step.
func held(n cluster.Node) []string {
	if n.Host == nil {
		return nil
	}
	if n.Host.HeldBefore != nil {
		return n.Host.HeldBefore
	}
	var out []string
	for _, p := range n.Host.Packages {
		if p.Held {
			out = append(out, p.Name)
		}
	}
	return out
}
