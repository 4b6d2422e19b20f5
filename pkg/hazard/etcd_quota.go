package hazard

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// NearQuota is from how many per cent of its quota on a database of etcd is told of.
const NearQuota = 80

var etcdQuotaRows = []Hazard{
	{ID: "etcd-near-quota", Severity: Advice, Source: "https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota",
		Title:    "the database of etcd is near its quota: beyond it etcd takes no writes, and neither does Kubernetes",
		Evidence: "API server %s: it has %s, %d%% of the %s that etcd of node %q may have",
		Fix:      "defragment the members one by one (etcdctl defrag), delete what is not needed, or raise quota-backend-bytes (etcd.local.extraArgs of kubeadm's configuration)",
		find:     nearQuota},
}

// nearQuota holds what API servers say of the database against the smallest quota, since one member that is over its own stops them all. Once the
// hosts are asked, the members tell for themselves.
func nearQuota(f Facts) []Offender {
	if f.Cluster.Etcd != nil && len(f.Cluster.Etcd.Members) > 0 {
		return nil
	}
	node, quota := smallestQuota(f.Cluster.Survey.Components)
	if quota <= 0 {
		return nil
	}
	var out []Offender
	for _, d := range f.Cluster.Survey.Databases {
		if used := d.Bytes * 100 / quota; used >= NearQuota && mainEtcd(f, d.Etcd) {
			out = append(out, Offender{d.Server, mebibytes(d.Bytes), used, mebibytes(quota), node})
		}
	}
	return out
}

// mainEtcd tells whether an API server means the etcd of all its objects, and not one that --etcd-servers-overrides has for some, whose quota is not known.
func mainEtcd(f Facts, name string) bool {
	return name == "etcd-0" || slices.ContainsFunc(f.Cluster.Nodes, func(n cluster.Node) bool {
		s, _ := n.Component("kube-apiserver")
		return slices.Contains(s.EtcdServers, name)
	})
}

// smallestQuota is that of the members that kubeadm runs; zero where none has one, or it is not known: of another etcd than kubeadm's, or one that reads a
// file of its own, the API server shows nothing.
func smallestQuota(all []cluster.Component) (node string, quota int64) {
	for _, c := range all {
		if c.Name != etcdPod {
			continue
		}
		setting := func(flag, variable string) string {
			if i := slices.IndexFunc(c.Flags, func(g cluster.Flag) bool { return g.Name == flag }); i >= 0 {
				return c.Flags[i].Value
			}
			if i := slices.IndexFunc(c.Env, func(g cluster.Flag) bool { return g.Name == variable }); i >= 0 {
				return c.Env[i].Value
			}
			return ""
		}
		if setting("config-file", "ETCD_CONFIG_FILE") != "" {
			continue
		}
		if q := knowledge.EtcdQuota(setting("quota-backend-bytes", "ETCD_QUOTA_BACKEND_BYTES")); q > 0 && (quota == 0 || q < quota) {
			node, quota = c.Node, q
		}
	}
	return node, quota
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
