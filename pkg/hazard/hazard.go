// Package hazard holds what can break on the way to a release of Kubernetes, a row each, and finds which of it is in an observed cluster.
// It is pure: everything it judges was observed before.
package hazard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Severity says what a hazard does to an upgrade.
type Severity string

// The severities.
const (
	// Mandatory hazards block: with them the upgrade fails half way, or the cluster does not come up again.
	Mandatory Severity = "mandatory"
	// Skippable hazards block until the operator says that he knows: something in the cluster breaks, but the upgrade does not.
	Skippable Severity = "skippable"
	// Advice is shown and does not block.
	Advice Severity = "advice"
)

// Hazard is one row: something that can break.
type Hazard struct {
	// ID names the row, such as "flag-kubelet-pod-infra-container-image".
	ID string
	// Since is the first minor in which it breaks, such as "1.35"; empty where it does not depend on the release.
	Since string
	// Until is the first minor in which it breaks no more; empty where none is known.
	Until string
	// Stays is set for what breaks at any upgrade past Since, and not only at the one that leads to it.
	Stays    bool
	Severity Severity
	// Asks is set where the upgrade mends it by itself only when the operator says so, by skipping it: what somebody has decided ends with that. Where it
	// cannot mend it, it is mandatory.
	Asks bool
	// Etcd is set for what stands in the way of an upgrade of etcd as well.
	Etcd bool
	// Title says what happens.
	Title string
	// Evidence is a format of package fmt for what is shown of each offender, of what find gives.
	Evidence string
	// Fix is what to do about it, and Source where it is told of.
	Fix, Source string
	// diff, where it is set, shows what an upgrade does about them.
	diff func(Facts) string
	// find looks for the offenders.
	find func(Facts) []Offender
	// byHand, where it is set, looks for those that are left once kubeadm's configuration has been rewritten and its manifests made of it.
	byHand func(Facts) []Offender
}

// Facts are all that is judged.
type Facts struct {
	// Cluster has a survey, or there is nothing to find but what its hosts tell.
	Cluster *cluster.Cluster
	To      version.Version
	// From is the oldest version that runs. Find fills it in.
	From version.Version
	// MaxUnavailable is how many workers are away at once; zero means one.
	MaxUnavailable int
	// Workers are the only workers to be touched; nil means all.
	Workers []string
	// Etcd is set where etcd is to be upgraded, and not Kubernetes.
	Etcd bool
	// KeepEtcd is set where kubeadm is told to leave its etcd alone.
	KeepEtcd bool
	// BundledPackages tells that packages come from a bundle.
	BundledPackages bool
	// read is what was read of the configurations, once for all rows.
	read *readings
}

// Offender is what of a cluster makes a hazard real: the values for the row's evidence.
type Offender []any

// Found is a hazard that is there.
type Found struct {
	Hazard
	// Offenders are all of them, in the words of the row's evidence, each once.
	Offenders []string
	// Mechanical tells that the upgrade itself mends all of it, by Rewrites.
	Mechanical bool
	// Diff shows what an upgrade does about them, where that is known.
	Diff string
}

// rows are all of them, those that are made of tables among them.
var rows = slices.Concat(apiRows(), helmRows, crdRows, hookRows, flagRows(), gateRows(), choiceRows(), configRows, etcdConfigRows, etcdQuotaRows, releaseRows, skewRows, nameRows, volumeRows, workloadRows, disruptionRows, healthRows, hostRows, repositoryKeyRows)

// All are the rows.
func All() []Hazard { return slices.Clone(rows) }

// Find judges a cluster by every row that has to do with the way to the target.
func Find(f Facts) []Found {
	if f.Cluster.Survey == nil {
		c := *f.Cluster
		c.Survey = &cluster.Survey{}
		f.Cluster = &c
	}
	f.From = oldest(f.Cluster)
	mended := f
	mended.Cluster = Rewritten(f.Cluster, Rewrites(f.Cluster, f.To))
	f.read, mended.read = f.readings(), mended.readings()
	var out []Found
	for _, h := range rows {
		if !h.onTheWay(f) || f.Etcd && !h.Etcd {
			continue
		}
		var seen []string
		once := map[string]bool{}
		for _, o := range h.find(f) {
			if text := fmt.Sprintf(h.Evidence, o...); !once[text] {
				once[text], seen = true, append(seen, text)
			}
		}
		if len(seen) > 0 {
			found := Found{Hazard: h, Offenders: seen, Mechanical: h.byHand != nil && len(h.byHand(mended)) == 0}
			if h.diff != nil {
				found.Diff = h.diff(f)
			}
			if h.Asks && !found.Mechanical {
				found.Severity = Mandatory
			}
			out = append(out, found)
		}
	}
	return out
}

// onTheWay tells whether the way to the target leads through the releases that the row is about.
func (h Hazard) onTheWay(f Facts) bool {
	if h.Until != "" && knowledge.Ended(h.Until, f.To) {
		return false
	}
	return h.Since == "" || knowledge.Ended(h.Since, f.To) && (h.Stays || !knowledge.Ended(h.Since, f.From))
}

// oldest is the oldest version that anything of Kubernetes runs at.
func oldest(c *cluster.Cluster) version.Version {
	out := controlPlane(c)
	for _, n := range c.Nodes {
		out = older(out, n.KubeletVersion)
	}
	return out
}

// controlPlane is the oldest version that a part of the control plane runs at: from there on kubeadm of each minor does its work.
func controlPlane(c *cluster.Cluster) version.Version {
	out := c.Kubeadm.KubernetesVersion
	for _, n := range c.Nodes {
		for _, s := range n.StaticPods {
			if s.OfKubernetes() {
				out = older(out, s.Version)
			}
		}
	}
	return out
}

// older is the older of two versions, one of which may not be known.
func older(a, b version.Version) version.Version {
	if a.IsZero() || !b.IsZero() && b.Less(a) {
		return b
	}
	return a
}

// moves tells whether a node is to be upgraded.
func (f Facts) moves(n cluster.Node) bool {
	return n.KubeletVersion != f.To && (f.Workers == nil || n.Role == cluster.ControlPlane || slices.Contains(f.Workers, n.Name))
}

// config gives the text of a configuration that kubeadm keeps.
func (f Facts) config(key string) (cluster.Config, bool) {
	i := slices.IndexFunc(f.Cluster.Survey.Configs, func(c cluster.Config) bool { return c.Key == key })
	if i < 0 {
		return cluster.Config{}, false
	}
	return f.Cluster.Survey.Configs[i], true
}

// listed puts names behind each other, as many as can be read at a glance, and counts the rest.
func listed(names []string) string {
	const shown = 10
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
