package knowledge

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Use is what a release of etcd is wanted for.
type Use string

// The uses.
const (
	// Run is to work on data at all.
	Run Use = "run"
	// BeforeNext is to be in one cluster with members of the next minor, and to leave them its data: the last release before an upgrade of a minor,
	// and the first one after a downgrade of a minor.
	BeforeNext Use = "before-next"
)

// Hazard is a fault that some patch releases of one minor of etcd have.
type Hazard struct {
	// ID is stable, such as "etcd-3.5-revision".
	ID string
	// First and Last are the oldest and the newest release that have it.
	First, Last version.Version
	// Use is what they are unfit for.
	Use Use
	// Advice is set where another release is to be preferred, and not asked for.
	Advice bool
	// Condition, if not empty, is what else has to be true of the cluster. A release is chosen that does not have the hazard, but no route goes out of
	// its way for it.
	Condition string
	// Why ends a sentence such as "etcd 3.5.1 ...".
	Why    string
	Source string
}

// String gives the reason, its condition and its source.
func (h Hazard) String() string {
	if h.Condition != "" {
		return h.Why + " when " + h.Condition + " (" + h.Source + ")"
	}
	return h.Why + " (" + h.Source + ")"
}

// Fixed is the first release without the hazard.
func (h Hazard) Fixed() version.Version {
	v := h.Last
	v.Patch++
	return v
}

// Has tells whether a release has the hazard.
func (h Hazard) Has(v version.Version) bool { return h.First.Compare(v) <= 0 && v.Compare(h.Last) <= 0 }

const authEnabled = "authentication is enabled"

var etcdHazards = []Hazard{
	{ID: "etcd-3.0-migrate", First: etcd("3.0.0"), Last: etcd("3.0.16"), Use: Run,
		Why: "migrates v2 data wrongly before 3.0.14 and was mended until 3.0.17", Source: "https://github.com/etcd-io/etcd/pull/6794"},
	{ID: "etcd-3.2-freelist", First: etcd("3.2.0"), Last: etcd("3.2.9"), Use: Run,
		Why: "can corrupt the database's list of free pages", Source: "https://github.com/etcd-io/etcd/issues/8813"},
	{ID: "etcd-3.2-auth-leases", First: etcd("3.2.0"), Last: etcd("3.2.30"), Use: BeforeNext, Condition: authEnabled,
		Why: "revokes leases on some members only while 3.3 runs beside it", Source: "https://github.com/etcd-io/etcd/issues/11689"},
	{ID: "etcd-3.2-defrag", First: etcd("3.2.0"), Last: etcd("3.2.28"), Use: Run,
		Why: "can corrupt the database when it is defragmented after it was killed during another defragmentation", Source: "https://github.com/etcd-io/etcd/pull/11613"},
	{ID: "etcd-3.3-defrag", First: etcd("3.3.0"), Last: etcd("3.3.18"), Use: Run,
		Why: "can corrupt the database when it is defragmented after it was killed during another defragmentation", Source: "https://github.com/etcd-io/etcd/pull/11613"},
	{ID: "etcd-3.3-consistent-index", First: etcd("3.3.0"), Last: etcd("3.3.20"), Use: Run, Condition: authEnabled,
		Why: "does not save the index of what it has applied to users and roles, so that members differ after a restart", Source: "https://github.com/etcd-io/etcd/issues/11651"},
	{ID: "etcd-3.4-defrag", First: etcd("3.4.0"), Last: etcd("3.4.3"), Use: Run,
		Why: "can corrupt the database when it is defragmented after it was killed during another defragmentation", Source: "https://github.com/etcd-io/etcd/pull/11613"},
	{ID: "etcd-3.4-consistent-index", First: etcd("3.4.0"), Last: etcd("3.4.7"), Use: Run, Condition: authEnabled,
		Why: "does not save the index of what it has applied to users and roles, so that members differ after a restart", Source: "https://github.com/etcd-io/etcd/issues/11651"},
	{ID: "etcd-3.5-revision", First: etcd("3.5.0"), Last: etcd("3.5.2"), Use: Run,
		Why: "can lose writes when it is killed, so that members differ and none notices", Source: "https://github.com/etcd-io/etcd/blob/main/Documentation/postmortems/v3.5-data-inconsistency.md"},
	{ID: "etcd-3.5-defrag", First: etcd("3.5.3"), Last: etcd("3.5.5"), Use: Run,
		Why: "can come to differ from the other members when it is killed during a defragmentation", Source: "https://github.com/etcd-io/etcd/pull/14733"},
	{ID: "etcd-3.5-learners", First: etcd("3.5.0"), Last: etcd("3.5.19"), Use: BeforeNext,
		Why: "does not write a learner's promotion where 3.6 reads it: 3.6 then finds too many learners and ends", Source: "https://github.com/etcd-io/etcd/issues/19557"},
	{ID: "etcd-3.5-zombies", First: etcd("3.5.0"), Last: etcd("3.5.25"), Use: BeforeNext,
		Why: "leaves members in its database that are gone: in 3.6 they are members again", Source: "https://github.com/etcd-io/etcd/issues/20967"},
	{ID: "etcd-3.5-guide", First: etcd("3.5.0"), Last: etcd("3.5.31"), Use: BeforeNext, Advice: true,
		Why: "is older than what the guide to 3.6 asks of every member, and does not look for v2 requests in the log", Source: "https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/"},
	{ID: "etcd-3.6-learner-replay", First: etcd("3.6.0"), Last: etcd("3.6.3"), Use: Run,
		Why: "can panic when it starts on the promotion of a learner in its log", Source: "https://github.com/etcd-io/etcd/pull/20340"},
	{ID: "etcd-3.6-snapshot-defrag", First: etcd("3.6.0"), Last: etcd("3.6.4"), Use: Run, Advice: true,
		Why: "can corrupt its data when it is defragmented while it takes a snapshot from the leader", Source: "https://github.com/etcd-io/etcd/issues/20650"},
	{ID: "etcd-3.6-rolling", First: etcd("3.6.0"), Last: etcd("3.6.10"), Use: BeforeNext,
		Why: "may not be compatible with 3.7 beside it", Source: "https://etcd.io/docs/v3.7/upgrades/upgrade_3_7/"},
}

// EtcdHazards lists all that is known against any release.
func EtcdHazards() []Hazard { return slices.Clone(etcdHazards) }

// HazardsOf lists what is known against a release for a use; advice and conditional ones included.
func HazardsOf(v version.Version, use Use) []Hazard {
	var out []Hazard
	for _, h := range etcdHazards {
		if h.Use == use && h.Has(v) {
			out = append(out, h)
		}
	}
	return out
}

// Unfit says why a release is not fit for one of the uses, and which is; nil means that it is. It does not tell of advice, nor of what stands against the
// next minor only under a condition.
func Unfit(v version.Version, uses ...Use) error {
	h, bad := ruledOut(v, uses)
	if !bad {
		return nil
	}
	return fmt.Errorf("etcd %s %s; take %s or newer", v.Bare(), h, OldestFit(v.MinorString(), uses...).Bare())
}

func ruledOut(v version.Version, uses []Use) (Hazard, bool) {
	for _, use := range uses {
		for _, h := range HazardsOf(v, use) {
			if !h.Advice && (h.Condition == "" || use == Run) {
				return h, true
			}
		}
	}
	return Hazard{}, false
}

// OldestFit gives the first patch release of a minor from which on all are fit for the uses; zero for a minor that is not known.
func OldestFit(minor string, uses ...Use) version.Version {
	i := etcdIndex(minor)
	if i < 0 {
		return version.Version{}
	}
	v := etcdReleases[i].Newest
	for older := v; older.Patch > 0; v = older {
		older.Patch--
		if _, bad := ruledOut(older, uses); bad {
			break
		}
	}
	return v
}

// Advice is what speaks against a release for a use without ruling it out.
func Advice(v version.Version, use Use) []Hazard {
	return slices.DeleteFunc(HazardsOf(v, use), func(h Hazard) bool { return !h.Advice })
}
