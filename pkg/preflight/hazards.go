package preflight

import (
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
)

// hazards judges by the rows of what releases may break, each a finding with all its offenders.
func hazards(in Input) []Finding {
	return found(hazard.Facts{Cluster: in.Cluster, To: in.To, Workers: in.Workers, MaxUnavailable: in.MaxUnavailable, KeepEtcd: in.KeepEtcd, BundledPackages: in.BundledPackages}, in.SkipChecks)
}

// EtcdHazards judges by those rows that stand in the way of an upgrade of etcd.
func EtcdHazards(c *cluster.Cluster, skip []string) []Finding {
	return found(hazard.Facts{Cluster: c, To: c.Kubeadm.KubernetesVersion, Etcd: true}, skip)
}

func found(facts hazard.Facts, skip []string) []Finding {
	var out []Finding
	var diffs strings.Builder
	for _, r := range hazard.Rewrites(facts.Cluster, facts.To) {
		diffs.WriteString(r.Diff())
	}
	for _, h := range hazard.Find(facts) {
		f := Finding{ID: h.ID, Severity: Error, Message: h.Title, Evidence: h.Offenders, Fix: h.Fix, Link: h.Source, Diff: h.Diff, Skippable: h.Severity == hazard.Skippable}
		switch {
		case h.Mechanical && h.Asks && !h.Skipped(skip):
			f.Fix, f.Diff = h.Fix+"; with --skip-check="+h.ID+" the upgrade takes it out", diffs.String()
		case h.Mechanical:
			f.Severity, f.Fix, f.Diff = Warning, "nothing: the upgrade takes it out of kubeadm's configuration", diffs.String()
			if f.Diff == "" {
				f.Fix = "nothing: kubeadm writes the manifest anew without it"
			}
		case h.Severity == hazard.Advice, h.Skipped(skip):
			f.Severity = Warning
		}
		out = append(out, f)
	}
	return out
}
