package plan

import (
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdImages are the references under which an image of a release may be found, the likeliest first: Kubernetes' images have a revision behind the
// version, etcd's own a v before it. They come from the repository of the image that runs, unless another is named.
func EtcdImages(current, repository string, v version.Version) []string {
	if repository == "" {
		repository = Repository(current)
	}
	repository = strings.TrimSuffix(repository, "/")
	tags := []string{v.Bare() + "-0", v.String(), v.Bare()}
	for _, p := range knowledge.Pairings() {
		if p.Default == v && !slices.Contains(tags, p.Tag) {
			tags = append([]string{p.Tag}, tags...)
		}
	}
	if have := strings.TrimPrefix(current, Repository(current)); strings.HasPrefix(have, ":v") {
		tags = append([]string{v.String()}, slices.DeleteFunc(tags, func(t string) bool { return t == v.String() })...)
	}
	out := make([]string, 0, len(tags))
	for _, t := range tags {
		out = append(out, repository+":"+t)
	}
	return out
}

// Repository is an image reference without tag and digest.
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i]
	}
	return image
}

// EtcdCandidates are the releases of a minor to look for, the best first: the newest that is known, those that are at hand, and those that kubeadm
// comes with. A release that is not fit for the uses is left out.
func EtcdCandidates(minor string, atHand []version.Version, uses ...knowledge.Use) []version.Version {
	all := slices.Clone(atHand)
	for _, r := range knowledge.EtcdReleases() {
		all = append(all, r.Newest)
	}
	for _, p := range knowledge.Pairings() {
		all = append(all, p.Default)
	}
	all = slices.DeleteFunc(all, func(v version.Version) bool {
		return v.MinorString() != minor || v.Pre != "" || knowledge.Unfit(v, uses...) != nil
	})
	slices.SortFunc(all, func(a, b version.Version) int { return b.Compare(a) })
	return slices.Compact(all)
}
