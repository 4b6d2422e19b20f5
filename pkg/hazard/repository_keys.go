package hazard

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

const (
	// keyIssue tells of the key of pkgs.k8s.io: it has a date at which it ends, and is made to last longer before that. A host keeps the date of when it
	// fetched the key.
	keyIssue    = "https://github.com/kubernetes/release/issues/3818"
	freshKey    = "fetch the repository's key anew: curl -fsSL https://pkgs.k8s.io/core:/stable:/v1.N/deb/Release.key | gpg --dearmor --yes -o FILE; or bring the packages with --packages-from"
	keyEvidence = "node %q: %s, by which apt trusts %s, ends at %s (%s)"
)

// repositoryKeyRows are about the keys by which hosts trust the repositories of Kubernetes. Of one that has ended apt itself tells only once it fetches lists.
var repositoryKeyRows = []Hazard{
	{ID: "repository-key-expired", Severity: Skippable, Source: keyIssue,
		Title: "the key has ended by which a host trusts the repository of Kubernetes: apt fetches no lists from there any more", Evidence: keyEvidence, Fix: freshKey,
		find: repositoryKeyEnds(func(left time.Duration) bool { return left <= 0 })},
	{ID: "repository-key-ends", Severity: Advice, Source: keyIssue,
		Title: "the key ends soon by which a host trusts the repository of Kubernetes", Evidence: keyEvidence, Fix: freshKey,
		find: repositoryKeyEnds(func(left time.Duration) bool { return left > 0 && left < soon })},
}

func repositoryKeyEnds(bad func(left time.Duration) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		now := f.Cluster.Survey.Time
		return eachSource(f, func(node string, s cluster.PackageSource) []Offender {
			left := s.KeyEnds.Sub(now)
			if now.IsZero() || s.KeyEnds.IsZero() || !bad(left) {
				return nil
			}
			return []Offender{{node, s.Key, s.URL, s.KeyEnds.UTC().Format(time.RFC3339), away(left)}}
		})
	}
}
