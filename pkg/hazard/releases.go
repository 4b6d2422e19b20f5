package hazard

import (
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
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
	{ID: "kubeadm-etcd-hash", Since: "1.28", Stays: true, Severity: Mandatory, Source: "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/#etcd-upgrade-fails-due-to-etcd-hash-not-changing",
		Title:    "kubeadm 1.28.0 to 1.28.2 wrote etcd's manifest with what the API server fills in; a newer one that changes nothing else of it waits five minutes in vain, and goes back",
		Evidence: "node %q: /etc/kubernetes/manifests/etcd.yaml sets dnsPolicy and schedulerName, and kubeadm %s has the same etcd %s",
		Fix:      "have etcd left alone with --etcd keep, or take those fields out of the manifest, which restarts nothing",
		find:     unchangedEtcd},
}

// unchangedEtcd are the members with such a manifest whose release the first kubeadm on the way has too: one that has another rewrites all.
func unchangedEtcd(f Facts) []Offender {
	first := f.To
	if from := controlPlane(f.Cluster); from.Minor+1 < f.To.Minor {
		first = newest(version.Version{Major: from.Major, Minor: from.Minor + 1})
	}
	p, err := knowledge.EtcdFor(first)
	if err != nil || f.KeepEtcd || f.Cluster.Kubeadm.EtcdImageTag != "" || first.Less(version.MustParse("v1.28.3")) {
		return nil
	}
	return eachStaticPod(f, func(n cluster.Node, s cluster.StaticPod) []Offender {
		etcd, ok := etcdOf(s.Image)
		if s.Component != etcdPod || !ok || n.Host == nil || !n.Host.DefaultedEtcd || etcd != p.Default {
			return nil
		}
		return []Offender{{n.Name, first, etcd.Bare()}}
	})
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
