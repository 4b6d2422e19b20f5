package plan

import (
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// kubeletSkew is how many minors a kubelet may be older than an API server: three from API servers of 1.28 on, two before
// (https://kubernetes.io/releases/version-skew-policy/). It is what may run, where knowledge.KubeletLag is what kubeadm lets be upgraded.
func kubeletSkew(server version.Version) int {
	if server.Major == 1 && server.Minor < 28 {
		return 2
	}
	return 3
}

// Skew says what in a cluster is outside of Kubernetes' version skew policy, in sentences; nothing when all is within it.
func Skew(c *cluster.Cluster) []string {
	oldest, newest := servers(c)
	if newest.IsZero() {
		return nil
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if n := oldest.MinorsTo(newest); n > 1 {
		say("API servers are %d minors apart (%s and %s): one is allowed", n, oldest, newest)
	}
	for _, n := range c.Nodes {
		if k := n.KubeletVersion; !k.IsZero() {
			switch lag := k.MinorsTo(newest); {
			case k.MinorsTo(oldest) < 0:
				say("the kubelet of node %q (%s) is newer than an API server (%s)", n.Name, k, oldest)
			case lag > kubeletSkew(newest):
				say("the kubelet of node %q (%s) is %d minors older than an API server (%s): %d are allowed", n.Name, k, lag, newest, kubeletSkew(newest))
			}
		}
		for _, s := range n.StaticPods {
			if s.Component == "kube-apiserver" || !s.OfKubernetes() || s.Version.IsZero() {
				continue
			}
			switch lag := s.Version.MinorsTo(newest); {
			case s.Version.MinorsTo(oldest) < 0:
				say("%s of node %q (%s) is newer than an API server (%s)", s.Component, n.Name, s.Version, oldest)
			case lag > 1:
				say("%s of node %q (%s) is %d minors older than an API server (%s): one is allowed", s.Component, n.Name, s.Version, lag, newest)
			}
		}
	}
	return out
}

// servers gives the oldest and the newest version of the API servers; both are zero when none is known.
func servers(c *cluster.Cluster) (oldest, newest version.Version) {
	for _, n := range c.Nodes {
		s, ok := n.Component("kube-apiserver")
		if !ok || s.Version.IsZero() {
			continue
		}
		if oldest.IsZero() || s.Version.Less(oldest) {
			oldest = s.Version
		}
		if newest.Less(s.Version) {
			newest = s.Version
		}
	}
	return oldest, newest
}
