package hazard

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// helmRows are advice: what Helm has installed goes on, and the release can be mended after the upgrade as well.
var helmRows = []Hazard{
	{ID: "helm-release-removed-api", Severity: Advice, Source: "https://helm.sh/docs/topics/kubernetes_apis/",
		Title:    "a release of Helm has objects by a version of an API that ends: Helm neither upgrades it any more, even by a chart that names another version, nor rolls it back or uninstalls it",
		Evidence: "release %s/%s has %s %s (%s), which ends with %s",
		Fix:      "upgrade the release before, by a chart that names versions which stay; or have Helm's record of it changed: helm mapkubeapis (https://github.com/helm/helm-mapkubeapis)",
		find:     helmReleases},
}

// helmReleases finds by the same tables as the rows of APIs.
func helmReleases(f Facts) []Offender {
	if len(f.Cluster.Survey.HelmReleases) == 0 {
		return nil
	}
	onTheWay := slices.DeleteFunc(knowledge.RemovedAPIs(), func(a knowledge.RemovedAPI) bool {
		return !knowledge.Ended(a.Removed, f.To) || knowledge.Ended(a.Removed, f.From)
	})
	var out []Offender
	for _, r := range f.Cluster.Survey.HelmReleases {
		for _, a := range onTheWay {
			var names []string
			for _, o := range r.Objects {
				if o == (cluster.HelmObject{Group: a.Group, Version: a.Version, Kind: a.Kind, Name: o.Name}) {
					names = append(names, o.Name)
				}
			}
			if len(names) > 0 {
				out = append(out, Offender{r.Namespace, r.Name, a.GroupVersion(), a.Kind, listed(names), a.Removed})
			}
		}
	}
	return out
}
