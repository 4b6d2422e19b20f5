package hazard

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const etcdFlagsDocs = "https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/"

// etcdConfigRows are about what kubeadm's configuration has for its own etcd, of which kubeadm of each release makes the manifest.
var etcdConfigRows = []Hazard{
	{ID: "etcd-args-unknown", Severity: Mandatory, Source: etcdFlagsDocs,
		Title:    "kubeadm would start its etcd with what a release on the way does not know: it does not come up, and kubeadm takes the old one back",
		Evidence: "ConfigMap kube-system/kubeadm-config, etcd.local: %s",
		Fix:      "take it out there; where another setting stands for it, go to the release before first, whose etcd knows both, and change it then",
		find:     etcdArgs(func(p knowledge.Problem) bool { return !p.Warning })},
	{ID: "etcd-args-unheeded", Severity: Advice, Source: etcdFlagsDocs,
		Title:    "kubeadm would give its etcd a variable that a release on the way does not heed",
		Evidence: "ConfigMap kube-system/kubeadm-config, etcd.local: %s", Fix: "take it out there",
		find: etcdArgs(func(p knowledge.Problem) bool { return p.Warning })},
}

func etcdArgs(which func(knowledge.Problem) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		c, ok := f.kubeadm()
		if !ok || len(c.args(etcdPod))+len(c.Etcd.Local.ExtraEnvs) == 0 {
			return nil
		}
		var out []Offender
		for _, minor := range f.etcdMinors() {
			var all []knowledge.Arg
			for _, a := range c.args(etcdPod) {
				all = append(all, knowledge.Flag(a.Name, a.Value))
			}
			// With the flags that kubeadm writes by itself a variable that stands for one would be set twice.
			for _, name := range kubeadmFlags[etcdPod] {
				_, known := knowledge.FlagIn(minor, name)
				if _, set := knowledge.Lookup(all, name); known && !set && name != "feature-gates" {
					all = append(all, knowledge.Flag(name, "true"))
				}
			}
			for _, e := range c.Etcd.Local.ExtraEnvs {
				if a, ok := knowledge.EnvArg(e.Name, e.Value); ok {
					all = append(all, a)
				}
			}
			_, _, problems := knowledge.RewriteFlags(minor, minor, all)
			for _, p := range problems {
				if which(p) {
					out = append(out, Offender{p.Message})
				}
			}
		}
		return out
	}
}

// etcdMinors are those of the releases of etcd that kubeadm puts in place on the way; none where it leaves etcd alone. An etcd that is newer than its own it
// leaves in place.
func (f Facts) etcdMinors() []string {
	k := f.Cluster.Kubeadm
	if f.KeepEtcd || k.ExternalEtcd {
		return nil
	}
	var have version.Version
	for _, n := range f.Cluster.Nodes {
		if s, ok := n.Component(etcdPod); ok {
			if v, ok := etcdOf(s.Image); ok && have.Less(v) {
				have = v
			}
		}
	}
	var out []string
	for at := controlPlane(f.Cluster); ; {
		if at.Minor < f.To.Minor {
			at.Minor++
		}
		kubernetes := f.To
		if at.Minor < f.To.Minor {
			kubernetes = newest(at)
		}
		p, err := knowledge.EtcdFor(kubernetes)
		if err == nil && k.EtcdImageTag != "" {
			p.Default, _ = etcdOf(":" + k.EtcdImageTag)
		}
		if err == nil && !p.Default.IsZero() {
			if have.Less(p.Default) {
				have = p.Default
			}
			if m := have.MinorString(); slices.Contains(knowledge.EtcdMinors(), m) && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
		if at.Minor >= f.To.Minor {
			return out
		}
	}
}
