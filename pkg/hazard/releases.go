package hazard

import (
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// releaseRows are faults of single releases of kubeadm. Where a way leads through a minor, it takes the newest release of it, so that the target is what counts.
var releaseRows = []Hazard{
	{ID: "kubeadm-1.30.0", Since: "1.30", Severity: Skippable, Source: "https://github.com/kubernetes/kubeadm/issues/3049",
		Title:    "kubeadm 1.30.0 puts defaults in the place of the kubelets' configuration, whatever somebody has set there: its maintainers advise to skip it",
		Evidence: "the target is %s", Fix: "go to v1.30.1 or newer",
		find: func(f Facts) []Offender {
			if f.To != version.MustParse("v1.30.0") {
				return nil
			}
			return []Offender{{f.To}}
		}},
	{ID: "kubeadm-1.29-ca-key", Since: "1.29", Severity: Mandatory, Source: source + "pull/124682",
		Title:    "kubeadm up to 1.29.4 ends with an error where it has no key of the CA: it wants to sign super-admin.conf",
		Evidence: "node %q: kubeadm has started kube-controller-manager without a key to sign with, and the target is %s", Fix: "go to v1.29.5 or newer",
		find: func(f Facts) []Offender {
			if f.To.MinorString() != "1.29" || !f.To.Less(version.MustParse("v1.29.5")) {
				return nil
			}
			var out []Offender
			for _, n := range withoutCAKey(f) {
				out = append(out, Offender{n, f.To})
			}
			return out
		}},
}

// withoutCAKey names the nodes whose kubeadm has no key of the CA, as it has told the controller manager:
// https://github.com/kubernetes/kubernetes/blob/v1.37.2/cmd/kubeadm/app/phases/controlplane/manifests.go
func withoutCAKey(f Facts) []string {
	var out []string
	eachOfKubeadm(f, func(c cluster.Component, _ string, g cluster.Flag, configured []string) {
		if c.Name == "kube-controller-manager" && g.Name == "cluster-signing-key-file" && g.Value == "" && len(configured) == 0 {
			out = append(out, c.Node)
		}
	})
	return out
}
