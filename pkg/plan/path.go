package plan

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// ControlPlaneVersion is the oldest version of the control plane: where its climb starts.
// A kubeadm-config that is ahead of a static pod tells of an apply that was cut short.
func ControlPlaneVersion(c *cluster.Cluster) version.Version {
	oldest := c.Kubeadm.KubernetesVersion
	for _, n := range c.OfRole(cluster.ControlPlane) {
		for _, s := range n.StaticPods {
			if s.OfKubernetes() && !s.Version.IsZero() && s.Version.Less(oldest) {
				oldest = s.Version
			}
		}
	}
	return oldest
}

// Between lists the minors that a control plane has to pass through on its way, such as "1.33", without both ends:
// kubeadm takes no two at once.
func Between(from, to version.Version) []string {
	var out []string
	for v := from; v.MinorsTo(to) > 1; {
		v.Minor++
		out = append(out, v.MinorString())
	}
	return out
}

// Path lists the versions that the control plane goes through, in order; the last is to. A minor between takes the release
// that part of the control plane runs already, so that a climb that was cut short goes on as it began; else the
// one of via; else the newest offered.
func Path(c *cluster.Cluster, to version.Version, offered map[string][]version.Version, via []version.Version) ([]version.Version, error) {
	from := ControlPlaneVersion(c)
	minors := Between(from, to)
	var out []version.Version
	for _, m := range minors {
		v, ok := newest(append([]version.Version{c.Kubeadm.KubernetesVersion}, running(c)...), m)
		if !ok {
			v, ok = newest(via, m)
		}
		if !ok {
			v, ok = newest(offered[m], m)
		}
		if !ok {
			return nil, fmt.Errorf("the way from %s to %s leads through %s, of which the package sources offer no release", from, to, m)
		}
		out = append(out, v)
	}
	return append(out, to), nil
}

// CheckVia refuses versions that are not on the way.
func CheckVia(c *cluster.Cluster, to version.Version, via []version.Version) error {
	from := ControlPlaneVersion(c)
	minors := Between(from, to)
	seen := map[string]version.Version{}
	for _, v := range via {
		m := v.MinorString()
		if !slices.Contains(minors, m) {
			return fmt.Errorf("%s is not on the way from %s to %s, which leads through %v", v, from, to, minors)
		}
		if other, twice := seen[m]; twice {
			return fmt.Errorf("%s and %s are of the same minor", other, v)
		}
		seen[m] = v
	}
	return nil
}

func running(c *cluster.Cluster) []version.Version {
	var out []version.Version
	for _, n := range c.OfRole(cluster.ControlPlane) {
		for _, s := range n.StaticPods {
			if s.OfKubernetes() {
				out = append(out, s.Version)
			}
		}
	}
	return out
}

// newest finds the newest release of a minor; one that is no release, such as a release candidate, is never chosen.
func newest(versions []version.Version, minor string) (version.Version, bool) {
	var best version.Version
	for _, v := range versions {
		if !v.IsZero() && v.Pre == "" && v.MinorString() == minor && (best.IsZero() || best.Less(v)) {
			best = v
		}
	}
	return best, !best.IsZero()
}
