// Package preflight judges an observed cluster before anything changes: what stands in the way of an upgrade, and what does not but should be known.
// It is pure: everything it judges was observed before.
package preflight

import (
	"cmp"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Severity says what a finding does to the upgrade.
type Severity string

// The severities.
const (
	// Error blocks.
	Error Severity = "error"
	// Warning is shown and does not block.
	Warning Severity = "warning"
)

// Finding is one thing that was found.
type Finding struct {
	// ID names the check, such as "pdb-never".
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Object is what the finding is about: node, pod, budget.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	// Fix is what to do about it.
	Fix string `json:"fix,omitempty"`
	// Link is where it is told of.
	Link string `json:"link,omitempty"`
	// Evidence names every offender, where the finding is about several.
	Evidence []string `json:"evidence,omitempty"`
	// Diff is what the upgrade itself does about it, or to it.
	Diff string `json:"diff,omitempty"`
	// Skippable is set where the operator may go on in spite of it with --skip-check.
	Skippable bool `json:"skippable,omitempty"`
}

// Input is all that preflight judges.
type Input struct {
	Cluster *cluster.Cluster
	To      version.Version
	// Allowed are the operator's flags that lift a finding.
	DeleteEmptyDir, Force, DisableEviction bool
	// Workers are the only workers to be touched; nil means all.
	Workers []string
	// BundledPackages and BundledImages tell that these come from a bundle and not from where the nodes have them from by themselves.
	BundledPackages, BundledImages bool
	// SkipChecks are IDs of findings, or patterns of them, in spite of which the operator goes on.
	SkipChecks []string
	// MaxUnavailable is how many workers are away at once.
	MaxUnavailable int
	// KeepEtcd tells that kubeadm is to leave its etcd alone.
	KeepEtcd bool
	// Hosts is what each node was asked for, one report per version that it needs; nil before the hosts were asked.
	Hosts map[string][]HostReport
}

// HostReport is what a host answered when it was asked about one version.
type HostReport struct {
	Version    version.Version
	Resolution hostaction.Resolution
	// ResolutionError and ImageError are in the words of the host; the codes are those of hostaction.
	ResolutionError, ResolutionCode string
	ImageError                      string
	// ImageBytes is what of a bundle's images is sent to the host.
	ImageBytes uint64
}

// check is one rule. It gives a finding for every offender.
type check func(Input) []Finding

// Run judges the cluster by every rule; errors come first.
func Run(in Input) []Finding {
	checks := []check{
		versionPolicy, skew, nodesReady, staticPodsReady, cordoned, barePods, emptyDirs, twoBudgets, budgets, stuckPods, capacity,
		packageManager, sources, pins, packageLock, kubeletActive, resolution, noDragging, images, disks, etcdHealth, hazards,
	}
	var out []Finding
	for _, c := range checks {
		out = append(out, c(in)...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// moves tells whether a node's kubelet is to be brought to the target.
func (in Input) moves(n cluster.Node) bool {
	return n.KubeletVersion != in.To && (in.Workers == nil || n.Role == cluster.ControlPlane || slices.Contains(in.Workers, n.Name))
}

func rank(f Finding) int {
	if f.Severity == Error {
		return 0
	}
	return 1
}

// StaticPodNotReady is the ID of a finding that may pass by itself: kubeadm replaces static pods.
const StaticPodNotReady = "static-pod-not-ready"

// Blocked tells whether any finding blocks.
func Blocked(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity == Error })
}
