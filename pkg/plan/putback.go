package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// TakenOut is what an upgrade takes out of a document in a ConfigMap of namespace kube-system.
type TakenOut struct {
	ConfigMap string `json:"configMap"`
	Key       string `json:"key"`
	// For is the release that does not know it.
	For      version.Version    `json:"for"`
	Settings []manifest.Setting `json:"settings"`
}

// PutBackConfig puts back into a configuration that kubeadm keeps what an upgrade has taken out of it. It takes PutBackParams.
const PutBackConfig Kind = "put-back-config"

// PutBackParams are a document in a ConfigMap of namespace kube-system, and what is put back into it.
type PutBackParams struct {
	ConfigMap string             `json:"configMap"`
	Key       string             `json:"key"`
	Settings  []manifest.Setting `json:"settings"`
}

// carriedOn adds to what a plan takes out what an earlier run of the same upgrade has: it stands in no configuration any more, of which this plan
// could read it, and the record of the earlier run goes with this one's.
func carriedOn(begun *Plan, now []TakenOut) []TakenOut {
	if begun == nil {
		return now
	}
	var out []TakenOut
	for _, t := range begun.TakenOut {
		t.Settings = slices.DeleteFunc(slices.Clone(t.Settings), func(s manifest.Setting) bool {
			return slices.ContainsFunc(now, func(o TakenOut) bool { return o.Key == t.Key && slices.Contains(o.Settings, s) })
		})
		if len(t.Settings) > 0 {
			out = append(out, t)
		}
	}
	return append(out, now...)
}

// putBack is the phase in which configurations get back what the upgrade has taken out of them, where what it was meant for is still older than the
// release for which it was taken out. Where that has moved on, it would not start with it, and the next "kubeadm upgrade" would give it to it.
func (a *aborter) putBack() (phases []Phase, reasons []string) {
	const id = "configuration"
	if a.abort.Begun == nil {
		if a.abort.Recorded {
			reasons = append(reasons, "what it may have taken out of kubeadm's configuration is not known, for the record had no room for its plan: its log has it")
		}
		return nil, reasons
	}
	g := Group{ID: id + "/cluster", Title: "cluster"}
	back := map[string][]manifest.Setting{}
	for _, t := range a.abort.Begun.TakenOut {
		where := "ConfigMap kube-system/" + t.ConfigMap
		text, ok := a.config(t)
		if !ok {
			continue // it was replaced by another one, or taken away
		}
		missing, err := manifest.Missing([]byte(text), t.Settings)
		if err != nil {
			reasons = append(reasons, fmt.Sprintf("%s cannot be edited (%v): the log of the upgrade has what was taken out of it", where, err))
			continue
		}
		for _, s := range missing {
			if who, at := a.movedOn(t, s); who != "" {
				reasons = append(reasons, fmt.Sprintf("%s stays out of %s: %s is at %s, which does not know it", s, where, who, at))
				continue
			}
			if _, err := manifest.PutBack([]byte(text), []manifest.Setting{s}); err != nil {
				reasons = append(reasons, fmt.Sprintf("%s is to be put back into %s by hand: %v", s, where, err))
				continue
			}
			back[t.ConfigMap+"/"+t.Key] = append(back[t.ConfigMap+"/"+t.Key], s)
		}
	}
	for _, c := range a.abort.Configs {
		settings := back[c.ConfigMap+"/"+c.Key]
		if len(settings) == 0 {
			continue
		}
		words := make([]string, 0, len(settings))
		for _, s := range settings {
			words = append(words, s.String())
		}
		g.Steps = append(g.Steps, a.step(g.ID+"/"+c.ConfigMap, "put "+strings.Join(words, ", ")+" back into ConfigMap kube-system/"+c.ConfigMap, PutBackConfig, "",
			PutBackParams{ConfigMap: c.ConfigMap, Key: c.Key, Settings: settings}, true, 5*time.Minute))
		reasons = append(reasons, fmt.Sprintf("%s was taken out of ConfigMap kube-system/%s, and means something to what runs", strings.Join(words, ", "), c.ConfigMap))
	}
	if len(g.Steps) == 0 {
		return nil, reasons
	}
	return []Phase{{ID: id, Title: "Put back configuration", Parallel: 1, Groups: []Group{g}}}, reasons
}

// config is a document as it is now.
func (a *aborter) config(t TakenOut) (string, bool) {
	i := slices.IndexFunc(a.abort.Configs, func(c cluster.Config) bool { return c.ConfigMap == t.ConfigMap && c.Key == t.Key })
	if i < 0 {
		return "", false
	}
	return a.abort.Configs[i].Text, true
}

// argued are the components whose arguments the sections of a ClusterConfiguration have.
var argued = map[string]string{"apiServer": "kube-apiserver", "controllerManager": "kube-controller-manager", "scheduler": "kube-scheduler"}

// movedOn names what a setting was meant for where that is, somewhere, at a release which does not know it.
func (a *aborter) movedOn(t TakenOut, s manifest.Setting) (who string, at version.Version) {
	c := a.in.Cluster
	see := func(name string, v version.Version) {
		if !v.IsZero() && v.MinorsTo(t.For) <= 0 && (who == "" || at.Less(v)) {
			who, at = name, v
		}
	}
	component := argued[s.Section]
	switch {
	case component != "":
		seen := false
		for _, n := range c.Nodes {
			if p, ok := n.Component(component); ok {
				seen = true
				see(component, p.Version)
			}
		}
		if !seen { // it is down everywhere
			see("kubeadm's configuration", c.Kubeadm.KubernetesVersion)
		}
	case t.Key == "config.conf":
		// kubeadm rolls it out last: https://github.com/kubernetes/kubernetes/pull/116570
		for _, o := range c.Addons {
			if v, err := version.Parse(tagOf(o.Image)); err == nil && o.Name == "kube-proxy" {
				see("kube-proxy", v)
			}
		}
	default:
		// kubeadm's own gates, and the configuration that kubeadm of that release gives to kubelets.
		see("kubeadm's configuration", c.Kubeadm.KubernetesVersion)
		for _, n := range c.Nodes {
			if t.Key == "kubelet" {
				see("the kubelet of "+n.Name, n.KubeletVersion)
			}
		}
	}
	return who, at
}
