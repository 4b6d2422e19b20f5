package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// etcdBackup wants snapshots outside of what they are of: who wipes a member's data, or restores them, has to keep them.
func etcdBackup(in EtcdInput) []Finding {
	return eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Process == nil || in.BackupDir == "" {
			return nil
		}
		for _, dir := range []string{m.Process.DataDir, m.Process.WALDir} {
			if dir != "" && (in.BackupDir == dir || strings.HasPrefix(in.BackupDir, strings.TrimSuffix(dir, "/")+"/")) {
				return []Finding{{ID: "etcd-backup-inside", Severity: Error, Object: member(m), Message: fmt.Sprintf("snapshots would go to %s, inside of its data in %s", in.BackupDir, dir),
					Fix: "name another directory, best on another disk: --backup-dir"}}
			}
		}
		return nil
	})
}

// etcdConversion judges the way from the v2 API to the v3 API, on which each host has to do its part by itself.
func etcdConversion(in EtcdInput) []Finding {
	e := in.Cluster.Etcd
	on := e.OnV2()
	if len(on) == 0 {
		return nil
	}
	var out []Finding
	if len(on) < len(e.Clients) {
		var others []string
		for _, c := range e.Clients {
			if !slices.Contains(on, c.Node) {
				others = append(others, c.Node)
			}
		}
		out = append(out, Finding{ID: "etcd-half-converted", Severity: Error, Object: "API server on node " + strings.Join(on, ", "),
			Message: "it keeps its objects by etcd's v2 API, those on " + strings.Join(others, ", ") + " by the v3 API: they do not see the same objects",
			Fix:     "find out which etcd has more than half of the members: kubectl upgrade etcd status; on the hosts of the other one end API server and member, then remove those members from the one that counts, add them anew with empty data directories, and start the API servers by its backend"})
	}
	if !slices.ContainsFunc(in.Hops, func(h knowledge.Hop) bool { return h.Kind == knowledge.Convert }) {
		return out
	}
	if !in.Downtime {
		out = append(out, Finding{ID: "etcd-v2-downtime", Severity: Error, Object: "API server on node " + strings.Join(on, ", "),
			Message: "it keeps its objects by etcd's v2 API (--storage-backend=etcd2): to take them to the v3 API all API servers have to end for a minute or two",
			Fix:     "allow it: --allow-downtime", Link: "https://github.com/kubernetes/kubernetes/pull/69310"})
	}
	out = append(out, eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Version.Major < 3 {
			return nil
		}
		return []Finding{{ID: "etcd-v2-release", Severity: Error, Object: member(m),
			Message: "it runs " + m.Version.Bare() + ", and API servers keep their objects by its v2 API, of which no snapshot of it has anything: there would be no way back",
			Fix:     "copy the data directory of every member while none runs, and migrate by hand, with etcd-migrate: docs/etcd-migrate.md"}}
	})...)
	for _, c := range e.Clients {
		if !slices.ContainsFunc(e.Members, func(m cluster.EtcdMember) bool { return m.Node == c.Node }) {
			out = append(out, Finding{ID: "etcd-v2-elsewhere", Severity: Error, Object: fmt.Sprintf("API server on node %q", c.Node),
				Message: "it keeps its objects by etcd's v2 API, and no member runs on its host: nobody could have it end and start again together with the data",
				Fix:     "migrate by hand, with etcd-migrate: docs/etcd-migrate.md"})
		}
	}
	return out
}
