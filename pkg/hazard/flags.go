package hazard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// kubeProxy has no rows: kubeadm writes its DaemonSet anew, with flags of its own, and nothing that was set there is left to break it.
const kubeProxy = "kube-proxy"

// flagRows are one for each flag that a component has lost.
func flagRows() []Hazard {
	var out []Hazard
	for _, r := range knowledge.RemovedFlags() {
		if r.Component == kubeProxy {
			continue
		}
		source := r.Source
		if source == "" {
			source = changelogOf(r.Removed)
		}
		out = append(out, Hazard{
			ID: "flag-" + r.Component + "-" + r.Name, Since: r.Removed, Stays: true, Severity: Mandatory, Source: source,
			Title:    fmt.Sprintf("%s of %s does not know --%s, and does not start with it (%s is the last release read that knows it)", r.Component, r.Removed, r.Name, r.Last),
			Evidence: "%s: --" + r.Name + "=%s", Fix: fixOf(r),
			find:   func(f Facts) []Offender { return flagOffenders(f, r, everywhere) },
			byHand: func(f Facts) []Offender { return flagOffenders(f, r, setting.staysSet) },
		})
	}
	return out
}

func everywhere(setting) bool { return true }

// staysSet tells what an upgrade does not see to: what is still configured, and what is set on hosts.
func (s setting) staysSet() bool { return !s.made }

func flagOffenders(f Facts, r knowledge.RemovedFlag, which func(setting) bool) []Offender {
	var out []Offender
	for _, s := range f.flagSettings() {
		if s.component == r.Component && s.name == r.Name && which(s) && !f.stripped(s) && !s.kubeadms() {
			out = append(out, Offender{s.where, s.value})
		}
	}
	return out
}

// standing are flags that kubeadm itself has written into every manifest, and what it has set them to, as long as components knew them:
// https://github.com/kubernetes/kubernetes/blob/v1.12.10/cmd/kubeadm/app/phases/controlplane/manifests.go and
// https://github.com/kubernetes/kubernetes/pull/92720, which kubeadm of 1.23 does no more: pull/104157 and pull/105034.
var standing = map[string]string{"insecure-port": "0", "port": "0", "address": "127.0.0.1"}

// kubeadms tells what nobody has set and kubeadm leaves out by itself of the manifests of the next release: there is nothing to know.
func (s setting) kubeadms() bool {
	v, ok := standing[s.name]
	return ok && s.made && s.value == v && slices.Contains(kubeadmFlags[s.component], s.name)
}

// stripping are flags that kubeadm itself has put into its file for kubelets, and the only minor whose kubeadm takes them out of it again:
// https://github.com/kubernetes/kubernetes/blob/v1.26.15/cmd/kubeadm/app/phases/upgrade/postupgrade.go and
// https://github.com/kubernetes/kubernetes/blob/v1.35.4/cmd/kubeadm/app/cmd/phases/upgrade/postupgrade.go
var stripping = map[string]int{"container-runtime": 26, "pod-infra-container-image": 35}

const kubeadmFlagsFile = "/var/lib/kubelet/kubeadm-flags.env"

// StripsFlags tells whether kubeadm of a release takes something out of its own file on a node that kubelets of later releases do not know.
// A kubelet that is to go on to those has to stop there.
func StripsFlags(n cluster.Node, at version.Version) bool {
	return n.Host != nil && slices.ContainsFunc(n.Host.KubeletArgs, func(a cluster.HostFlag) bool {
		return a.File == kubeadmFlagsFile && stripping[a.Name] == at.Minor
	})
}

// stripped tells that kubeadm sees to a flag: plans have each node go through the release whose kubeadm does, unless the control plane is past it.
// Or it has done so, and the kubelet was not started again yet: then it stands in no file any more.
func (f Facts) stripped(s setting) bool {
	minor, ok := stripping[s.name]
	if !ok || s.component != "kubelet" {
		return false
	}
	n, known := f.node(s.node)
	at := f.Cluster.Kubeadm.KubernetesVersion.Minor
	done := s.file == "" && at >= minor
	toDo := s.file == kubeadmFlagsFile && n.KubeletVersion.Minor < minor && at <= minor && minor <= f.To.Minor
	return known && (done || toDo)
}

func fixOf(r knowledge.RemovedFlag) string {
	minor, byKubeadm := stripping[r.Name]
	switch {
	case r.Component == "kubelet" && byKubeadm:
		return fmt.Sprintf("take it out of the file, and restart the kubelet. Of %s only kubeadm 1.%d does so itself", kubeadmFlagsFile, minor)
	case r.Component == "kubelet":
		return "take it out of /var/lib/kubelet/kubeadm-flags.env, /etc/default/kubelet, /etc/sysconfig/kubelet or the drop-in that sets it, restart the kubelet, and take it out of nodeRegistration.kubeletExtraArgs of files for nodes to come"
	}
	return "take it out of extraArgs in ClusterConfiguration (kubectl -n kube-system edit configmap kubeadm-config) and of the manifest in /etc/kubernetes/manifests"
}

func changelogOf(minor string) string {
	return "https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-" + minor + ".md"
}

// gateRows are one for each feature gate that ended, and one for each that can be set to one value only.
func gateRows() []Hazard {
	var out []Hazard
	for _, g := range knowledge.EndedGates() {
		who := "a component"
		prefix := "gate-"
		if g.Component != "" {
			who, prefix = g.Component, "gate-"+g.Component+"-"
		}
		// What was set against the value that it was locked to, or for what ends with it, has rows of its own: somebody has decided so.
		removed := func(f Facts, s setting) bool { return !against(g, s) && !f.chosen(s) }
		locked := func(_ Facts, s setting) bool { return against(g, s) }
		row := func(bad func(Facts, setting) bool, h Hazard) {
			h.Stays, h.Evidence = true, "%s: %s=%s"
			h.find = func(f Facts) []Offender { return gateOffenders(f, g, func(s setting) bool { return bad(f, s) }) }
			h.byHand = func(f Facts) []Offender {
				return gateOffenders(f, g, func(s setting) bool { return bad(f, s) && s.staysSet() })
			}
			out = append(out, h)
		}
		if g.Removed != "" {
			row(removed, Hazard{ID: prefix + strings.ToLower(g.Name), Since: g.Removed, Severity: Mandatory, Source: sourceOf(g, g.Last),
				Title: fmt.Sprintf("feature gate %s is unknown from %s on: %s that is told of it does not start", g.Name, g.Removed, who),
				Fix:   "take the gate out there: from its end on, what it stood for is no longer a choice"})
		}
		if g.Locked != "" {
			row(locked, Hazard{ID: prefix + strings.ToLower(g.Name) + "-locked", Since: g.Locked, Severity: Skippable, Asks: true, Source: sourceOf(g, g.LockedBy),
				Title: fmt.Sprintf("feature gate %s can only be %t from %s on, and somebody has set it to %t: %s that is told so does not start, and what he wanted ends", g.Name, g.Value, g.Locked, !g.Value, who),
				Fix:   "find out why it was set, and see that it is not needed any more; then take the gate out there"})
		}
	}
	return out
}

// sourceOf is where a release defines the gate for the last time, or locks it.
func sourceOf(g knowledge.EndedGate, release string) string {
	file := "/pkg/features/kube_features.go"
	if g.Component == "kubeadm" {
		file = "/cmd/kubeadm/app/features/features.go"
	}
	return "https://github.com/kubernetes/kubernetes/blob/" + release + file
}

func gateOffenders(f Facts, g knowledge.EndedGate, bad func(setting) bool) []Offender {
	var out []Offender
	for _, s := range f.gateSettings() {
		if s.name == g.Name && (s.component == "kubeadm") == (g.Component == "kubeadm") && bad(s) {
			out = append(out, Offender{s.where, s.name, s.value})
		}
	}
	return out
}
