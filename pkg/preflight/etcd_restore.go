package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// EtcdRestoreInput is all that preflight judges before every member is made anew from a snapshot. That members are ill is why it is done, and stands in no way.
type EtcdRestoreInput struct {
	// Cluster has Etcd set once the hosts were asked; before, only what the API server tells is judged.
	Cluster *cluster.Cluster
	// Nodes are those that have to do with etcd.
	Nodes []string
	// File is what the operator has named. Snapshot is what its check has said, and Problem why it is not in order.
	File     string
	Snapshot hostaction.Snapshot
	Problem  string
}

// EtcdRestore judges by every rule; errors come first.
func EtcdRestore(in EtcdRestoreInput) []Finding {
	out := etcdNodes(EtcdInput{Cluster: in.Cluster, Nodes: in.Nodes})
	if in.Cluster.Etcd != nil {
		out = append(out, restorePlaces(in)...)
		if in.Problem != "" {
			out = append(out, Finding{ID: "etcd-snapshot-bad", Severity: Error, Object: in.File, Message: "it is no snapshot to restore from: " + in.Problem,
				Fix: "take another one; kubectl upgrade etcd verify FILE@NODE tells of each"})
		} else {
			out = append(out, slices.Concat(restoreOrigin(in), restoreRelease(in), restoreRoom(in))...)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// restorePlaces wants what kubeadm makes: one member to a control-plane node, as a static pod, all of one cluster.
func restorePlaces(in EtcdRestoreInput) []Finding {
	e := in.Cluster.Etcd
	var out []Finding
	if len(e.Members) == 0 {
		out = append(out, Finding{ID: "etcd-none", Severity: Error, Object: "etcd", Message: "no member was found on any host, and none behind the API servers", Fix: "restore by hand"})
	}
	first := ""
	for _, v := range e.Views {
		switch {
		case v.ClusterID == "":
		case first == "":
			first = v.ClusterID
		case v.ClusterID != first:
			out = append(out, Finding{ID: "etcd-views-differ", Severity: Error, Object: fmt.Sprintf("node %q", v.Node),
				Message: fmt.Sprintf("it belongs to etcd cluster %s, another node to %s: what an API server says depends on whom one asks", v.ClusterID, first), Fix: "restore by hand"})
		}
	}
	for _, m := range e.Members {
		switch {
		case m.Node == "" || m.Process == nil || m.Process.Run != cluster.EtcdAsPod:
			out = append(out, Finding{ID: "etcd-not-stacked", Severity: Error, Object: member(m), Message: "it is no static pod on a node of this cluster",
				Fix: "restore it where it runs, as every other member: stop all of them, and on each host: etcd-migrate snapshot restore FILE --data-dir DIR --name NAME --initial-cluster ... --revision-bump 1000000000"})
		case len(m.PeerURLs) == 0:
			out = append(out, Finding{ID: "etcd-none", Severity: Error, Object: member(m), Message: "no member knows its peer URL", Fix: "restore by hand"})
		}
	}
	return out
}

// restoreOrigin refuses the objects of another cluster.
func restoreOrigin(in EtcdRestoreInput) []Finding {
	s := in.Snapshot
	foreign := func(format string, args ...any) []Finding {
		return []Finding{{ID: "etcd-snapshot-foreign", Severity: Error, Object: in.File, Message: "it is a snapshot of another cluster: " + fmt.Sprintf(format, args...),
			Fix: "see that file and context are the right ones"}}
	}
	if s.Kubernetes != "" && in.Cluster.UID != "" && s.Kubernetes != in.Cluster.UID {
		return foreign("its objects are those of the cluster with UID %s, and this one's is %s", s.Kubernetes, in.Cluster.UID)
	}
	var now []string
	for _, m := range in.Cluster.Etcd.Members {
		for _, u := range m.PeerURLs {
			now = append(now, m.Name+"="+u)
		}
	}
	slices.Sort(now)
	if len(s.Members) == 0 || len(now) == 0 || slices.Equal(now, s.Members) {
		return nil
	}
	if s.Kubernetes == "" && !slices.ContainsFunc(s.Members, func(m string) bool { return slices.Contains(now, m) }) {
		return foreign("its members are %s, and here they are %s", strings.Join(s.Members, ", "), strings.Join(now, ", "))
	}
	return []Finding{{ID: "etcd-snapshot-members", Severity: Warning, Object: in.File,
		Message: fmt.Sprintf("it was taken of the members %s, and the new cluster will be of those of now: %s", strings.Join(s.Members, ", "), strings.Join(now, ", ")),
		Fix:     "nodes that came or went since will be unknown, or known again: see kubectl get nodes afterwards"}}
}

// restoreRelease wants members that can read it: a restored directory is of 3.5 at least, and a server takes data of its own minor and of the one before.
func restoreRelease(in EtcdRestoreInput) []Finding {
	v := in.Snapshot.Version
	if v.IsZero() {
		return nil
	}
	if v.Major == 3 {
		v.Minor = max(v.Minor, 5)
	}
	var out []Finding
	for _, m := range in.Cluster.Etcd.Members {
		if m.Version.IsZero() {
			continue
		}
		switch {
		case !v.SameMinor(m.Version) && m.Version.Less(v):
			out = append(out, Finding{ID: "etcd-snapshot-release", Severity: Error, Object: member(m), Message: fmt.Sprintf("it runs %s, and the snapshot is of %s, which it does not read", m.Version.Bare(), v.MinorString()),
				Fix: "upgrade etcd first: kubectl upgrade etcd --to " + v.MinorString()})
		case v.MinorsTo(m.Version) > 1:
			out = append(out, Finding{ID: "etcd-snapshot-release", Severity: Error, Object: member(m), Message: fmt.Sprintf("it runs %s, and the snapshot is of %s, more than one minor before", m.Version.Bare(), v.MinorString()),
				Fix: "go back to a release of the next minor, restore, and upgrade again"})
		}
	}
	return out
}

// restoreRoom wants free space for the snapshot, what becomes of it, and what is written meanwhile; what is there now stays.
func restoreRoom(in EtcdRestoreInput) []Finding {
	var out []Finding
	need := uint64(max(0, in.Snapshot.Size))*etcdRoomFactor/10 + spare
	for _, m := range in.Cluster.Etcd.Members {
		if m.Process == nil || m.Process.Disk.Total == 0 || m.Process.Disk.Free >= need {
			continue
		}
		out = append(out, Finding{ID: "etcd-space", Severity: Error, Object: member(m),
			Message: fmt.Sprintf("%s has %s free; to restore %s takes %s beside what is there", m.Process.DataDir, mib(m.Process.Disk.Free), bytes(in.Snapshot.Size), mib(need)),
			Fix:     "make room there"})
	}
	return out
}
