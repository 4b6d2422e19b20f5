package knowledge

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Problem is one thing that stands in the way, or that the operator should know.
type Problem struct {
	// ID names the rule, such as "etcd-below-minimum".
	ID string
	// Warning is set where it does not block.
	Warning bool
	Message string
	Fix     string
	Source  string
}

const kubeadmStaticPods = "https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/phases/upgrade/staticpods.go"

// CheckPairing judges a running etcd beside a release of Kubernetes: the one that runs, or the one that the cluster goes to. It tells what kubeadm of that release
// would do to an etcd that it runs itself, whether it would take the etcd where it does not, and what a newer etcd means for later commands of kubeadm.
// Blocked is kubeadm, not the API server: each problem's ID tells which of these it is about.
//
//   - etcd-below-minimum: kubeadm refuses it as an external etcd
//   - kubeadm-etcd-skips: kubeadm would take its own etcd over more than one minor
//   - kubeadm-etcd-unready: kubeadm would take its own etcd to the next minor from a release that must not go there
//   - kubeadm-etcd-bad: kubeadm would put a release in place that loses data
//   - etcd-newer: kubeadm leaves it as it is, but puts its own, older one on control-plane nodes that join
//   - pairing-unknown: the release of Kubernetes is not in the table
func CheckPairing(kubernetes, etcd version.Version) []Problem {
	p, err := EtcdFor(kubernetes)
	if err != nil {
		return []Problem{{ID: "pairing-unknown", Warning: true, Message: err.Error(), Fix: "see its kubeadm's constants.go for the etcd that it comes with",
			Source: "https://github.com/kubernetes/kubernetes/blob/" + kubernetes.String() + "/" + constantsGo}}
	}
	var out []Problem
	if etcd.Less(p.MinExternal) {
		out = append(out, Problem{ID: "etcd-below-minimum", Source: p.Source,
			Message: fmt.Sprintf("kubeadm %s takes an external etcd from %s on, and this one is %s", kubernetes, p.MinExternal.Bare(), etcd.Bare()),
			Fix:     "upgrade etcd to " + p.MinExternal.Bare() + " or newer first"})
	}
	if etcd.Less(p.Default) {
		out = append(out, kubeadmMoves(kubernetes, etcd, p)...)
	}
	if etcdIndex(etcd.MinorString()) > etcdIndex(p.Default.MinorString()) || etcd.SameMinor(p.Default) && p.Default.Less(etcd) {
		out = append(out, Problem{ID: "etcd-newer", Warning: true, Source: kubeadmStaticPods,
			Message: fmt.Sprintf("kubeadm %s comes with etcd %s, which is older than %s: it leaves the members that run as they are, and puts %s on control-plane nodes that join",
				kubernetes, p.Default.Bare(), etcd.Bare(), p.Default.Bare()),
			Fix: "set etcd.local.imageTag in kubeadm's ClusterConfiguration to a tag of etcd " + etcd.Bare()})
	}
	return out
}

// kubeadmMoves tells what is wrong with kubeadm taking its own etcd to the release that it comes with.
func kubeadmMoves(kubernetes, etcd version.Version, p Pairing) []Problem {
	var out []Problem
	says := fmt.Sprintf("kubeadm %s takes the etcd that it runs from %s to %s", kubernetes, etcd.Bare(), p.Default.Bare())
	fix := "upgrade etcd with this program first, or have kubeadm leave it alone with --etcd-upgrade=false"
	minors := etcdIndex(p.Default.MinorString()) - etcdIndex(etcd.MinorString())
	if minors > 1 {
		out = append(out, Problem{ID: "kubeadm-etcd-skips", Message: says + ", past minors that it has to go through one by one", Fix: fix, Source: kubeadmStaticPods})
	}
	if h, bad := ruledOut(etcd, []Use{BeforeNext}); bad && minors > 0 {
		out = append(out, Problem{ID: "kubeadm-etcd-unready", Message: fmt.Sprintf("%s, but etcd %s %s", says, etcd.Bare(), h), Fix: fix, Source: h.Source})
	}
	for _, h := range HazardsOf(p.Default, Run) {
		out = append(out, Problem{ID: "kubeadm-etcd-bad", Warning: h.Advice || h.Condition != "", Message: fmt.Sprintf("%s, which %s", says, h),
			Fix: "set etcd.local.imageTag in kubeadm's ClusterConfiguration to " + OldestFit(p.Default.MinorString(), Run).Bare() + " or newer, or use --etcd-upgrade=false", Source: h.Source})
	}
	return out
}

// CheckBackend judges an API server's --storage-backend beside a release of etcd; an empty backend is the release's default.
//
//   - storage-backend-gone: the API server of that release has no such backend and does not start
//   - v3-api-missing: etcd of that release is older than what the backend speaks
//   - v2-api-gone: etcd of that release does not serve what the backend speaks
//   - v2-api-off: it serves it only when told to
//   - storage-backend-deprecated: the last release that has it is near
func CheckBackend(kubernetes version.Version, backend string, etcd version.Version) []Problem {
	backends := StorageBackends(kubernetes)
	standard := slices.IndexFunc(backends, func(b Backend) bool { return b.Default })
	backend = cmp.Or(backend, backends[standard].Name)
	i := slices.IndexFunc(backends, func(b Backend) bool { return b.Name == backend })
	if i < 0 {
		fix := "move the data to " + backends[standard].Name + " while the API server still has " + backend
		if backend != Etcd2 && backend != Etcd3 {
			fix = "set --storage-backend to " + backends[standard].Name
		}
		return []Problem{{ID: "storage-backend-gone", Source: backends[standard].Source, Fix: fix,
			Message: fmt.Sprintf("the API server of %s does not know --storage-backend=%s", kubernetes.MinorString(), backend)}}
	}
	var out []Problem
	if backends[i].Deprecated {
		out = append(out, Problem{ID: "storage-backend-deprecated", Warning: true, Message: "--storage-backend=" + backend + " is gone in 1.13",
			Fix: "move the data to " + Etcd3, Source: storageRemove})
	}
	if backend == Etcd3 && etcdIndex(etcd.MinorString()) < etcdIndex("3.0") {
		return append(out, Problem{ID: "v3-api-missing", Message: fmt.Sprintf("etcd %s does not serve the v3 API, which --storage-backend=etcd3 speaks", etcd.Bare()),
			Fix: "upgrade etcd to 3.0 or newer, and move the data to the v3 API", Source: "https://etcd.io/docs/v3.4/op-guide/v2-migration/"})
	}
	switch at := etcdIndex(etcd.MinorString()); {
	case backend != Etcd2:
	case at >= etcdIndex("3.6"):
		out = append(out, Problem{ID: "v2-api-gone", Message: fmt.Sprintf("etcd %s does not serve the v2 API, which --storage-backend=etcd2 speaks", etcd.Bare()),
			Fix: "move the data to " + Etcd3 + " on an older etcd", Source: "https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/"})
	case at >= etcdIndex("3.4"):
		out = append(out, Problem{ID: "v2-api-off", Warning: true, Message: fmt.Sprintf("etcd %s serves the v2 API, which --storage-backend=etcd2 speaks, only when it is told to", etcd.Bare()),
			Fix: "set --enable-v2=true", Source: "https://etcd.io/docs/v3.4/upgrades/upgrade_3_4/"})
	}
	return out
}
