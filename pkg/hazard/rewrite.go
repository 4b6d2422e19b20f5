package hazard

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Rewrite is what is taken out of a configuration that kubeadm keeps, because a release does not know it: it would not start with it, and there is
// nothing to choose. kubeadm makes manifests and the kubelets' configuration of it anew at every upgrade.
type Rewrite struct {
	ConfigMap string
	Key       string
	Strip     manifest.Strip
	// Before and After are its text.
	Before, After string
}

// Diff is the change as a unified diff.
func (r Rewrite) Diff() string {
	return manifest.Diff("ConfigMap kube-system/"+r.ConfigMap, []byte(r.Before), []byte(r.After))
}

// Rewrites are the changes that a release asks for. A configuration that is written in a way that cannot be edited gets none: what it has then blocks.
func Rewrites(c *cluster.Cluster, to version.Version) []Rewrite {
	if c.Survey == nil {
		return nil
	}
	var out []Rewrite
	for _, config := range c.Survey.Configs {
		s := strip(config, to)
		if s.Empty() {
			continue
		}
		after, err := manifest.StripConfiguration([]byte(config.Text), s)
		if err != nil || string(after) == config.Text {
			continue
		}
		out = append(out, Rewrite{ConfigMap: config.ConfigMap, Key: config.Key, Strip: s, Before: config.Text, After: string(after)})
	}
	return out
}

// Rewritten is the cluster after the changes.
func Rewritten(c *cluster.Cluster, rewrites []Rewrite) *cluster.Cluster {
	if len(rewrites) == 0 {
		return c
	}
	out, survey := *c, *c.Survey
	survey.Configs = slices.Clone(survey.Configs)
	for _, r := range rewrites {
		for i, config := range survey.Configs {
			if config.ConfigMap == r.ConfigMap && config.Key == r.Key {
				survey.Configs[i].Text = r.After
			}
		}
	}
	out.Survey = &survey
	return &out
}

var (
	removedFlags = knowledge.RemovedFlags()
	endedGates   = knowledge.EndedGates()
)

// strip is what of one configuration a release does not know.
func strip(config cluster.Config, to version.Version) manifest.Strip {
	f := Facts{Cluster: &cluster.Cluster{Survey: &cluster.Survey{Configs: []cluster.Config{config}}}, To: to}
	f.read = f.readings()
	s := manifest.Strip{Args: map[string][]string{}, Gates: map[string][]string{}}
	for _, set := range f.flagSettings() {
		for _, r := range removedFlags {
			if r.Component == set.component && r.Name == set.name && knowledge.Ended(r.Removed, to) {
				add(s.Args, set.section, r.Name)
			}
		}
	}
	for _, set := range f.gateSettings() {
		for _, g := range endedGates {
			gone := knowledge.Ended(g.Removed, to) || knowledge.Ended(g.Locked, to) && set.value != fmt.Sprint(g.Value)
			if g.Name == set.name && (g.Component == "kubeadm") == (set.component == "kubeadm") && gone {
				add(s.Gates, set.section, g.Name)
			}
		}
	}
	return s
}

func add(to map[string][]string, section, name string) {
	if !slices.Contains(to[section], name) {
		to[section] = append(to[section], name)
	}
}
