package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
)

// RewriteConfig takes out of a configuration that kubeadm keeps what a release does not know. It takes RewriteParams.
const RewriteConfig Kind = "rewrite-config"

// RewriteParams are a document in a ConfigMap of namespace kube-system, and what is taken out of it.
type RewriteParams struct {
	ConfigMap string         `json:"configMap"`
	Key       string         `json:"key"`
	Strip     manifest.Strip `json:"strip"`
}

// rewrite comes before the first kubeadm of a release: it makes manifests and the kubelets' configuration of what is there then. What an earlier
// stop has taken out is not there any more.
func (s stop) rewrite() []Phase {
	rewrites := hazard.Rewrites(s.configs(), s.Version)
	if len(rewrites) == 0 {
		return nil
	}
	id := s.label + "/configuration"
	g := Group{ID: id + "/cluster", Title: "cluster"}
	for _, r := range rewrites {
		name := s.carried(r.ConfigMap)
		g.Steps = append(g.Steps, s.step(id+"/cluster/"+name, "take "+taken(r.Strip)+" out of ConfigMap kube-system/"+name, RewriteConfig, "",
			RewriteParams{ConfigMap: name, Key: r.Key, Strip: r.Strip}, true, 5*time.Minute))
		settings, err := manifest.Taken([]byte(r.Before), r.Strip)
		if err != nil && s.builder.err == nil {
			s.builder.err = fmt.Errorf("plan step %s: %w", g.Steps[len(g.Steps)-1].ID, err)
		}
		s.builder.takenOut = append(s.builder.takenOut, TakenOut{ConfigMap: name, Key: r.Key, For: s.Version, Settings: settings})
	}
	s.builder.rewritten = hazard.Rewritten(s.configs(), rewrites)
	return []Phase{{ID: id, Title: "Configuration for " + s.Version.String(), Parallel: 1, Groups: []Group{g}}}
}

// carried is the name of a ConfigMap when this stop begins. That of the kubelets has the minor in its name up to 1.23, and kubeadm of each release
// makes its own of the one before: https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/kubeadm/2915-unversioned-kubelet-config-map
func (s stop) carried(configMap string) string {
	const versioned = "kubelet-config-"
	if s.index == 0 || !strings.HasPrefix(configMap, versioned) {
		return configMap
	}
	if before := s.stops[s.index-1].Version; before.Minor < 24 {
		return versioned + before.MinorString()
	}
	return "kubelet-config"
}

// configs is the cluster with the configuration that this stop finds.
func (b *builder) configs() *cluster.Cluster {
	if b.rewritten != nil {
		return b.rewritten
	}
	return b.in.Cluster
}

// taken names what is taken out.
func taken(s manifest.Strip) string {
	var out []string
	for _, names := range s.Args {
		for _, n := range names {
			out = append(out, "--"+n)
		}
	}
	for _, names := range s.Gates {
		for _, n := range names {
			out = append(out, "feature gate "+n)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
