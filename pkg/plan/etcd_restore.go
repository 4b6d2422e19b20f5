package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdRestoreKind is the kind of a plan that makes every member anew from a snapshot.
const EtcdRestoreKind = "EtcdRestorePlan"

// EtcdRestore is what is restored, and as what.
type EtcdRestore struct {
	From     EtcdBackup          `json:"from"`
	Snapshot hostaction.Snapshot `json:"snapshot"`
	// Token is that of the new cluster, and ClusterID what it has to be called then.
	Token     string `json:"token"`
	ClusterID string `json:"clusterID"`
	// Bump is how far the revision moves on from the snapshot's.
	Bump uint64 `json:"bump"`
}

// EtcdRestoreInput is all that a restore is planned from.
type EtcdRestoreInput struct {
	// Cluster has Etcd set.
	Cluster *cluster.Cluster
	// From is where the snapshot lies, and Snapshot what its check has said.
	From     EtcdBackup
	Snapshot hostaction.Snapshot
	// Begun is a restore of the same snapshot that was begun on hosts and not brought to its end; nil when there is none.
	Begun *hostaction.EtcdRebuilt
}

// bump is the least by which the revision moves on: farther than any cluster gets in the time that a snapshot is of use.
const bump = 1_000_000_000

// RestoreToken begins the token of a cluster that is made by a restore.
const RestoreToken = "restore-"

// SnapshotPath is where on a host a snapshot lies that was brought there.
func SnapshotPath(sha256 string) string {
	return "/var/lib/kubectl-upgrade/bundle/" + sha256 + "/" + SnapshotFile
}

// SnapshotFile is its name there.
const SnapshotFile = "etcd.db"

// ForEtcdRestore computes the plan that makes every member anew. It assumes that preflight found nothing that blocks.
//
// A host that has ended its API server cannot be reached any more: from 1.33 on kubeadm has each control-plane kubelet ask the server of its own host, and the
// load balancer's way leads through that kubelet too. So nothing is asked of a host twice: all but one are given their part while everything serves, and wait
// until a peer has begun; the one begins; and from then on each does its part by itself, and the plugin comes back when they have.
func ForEtcdRestore(in EtcdRestoreInput) (*Plan, error) {
	c := in.Cluster
	if c.Etcd == nil || len(c.Etcd.Members) == 0 {
		return nil, fmt.Errorf("plan restore of etcd: no member found")
	}
	r := &etcdRestore{etcdBuilder: &etcdBuilder{builder: &builder{in: Input{Cluster: c}}}, in: in}
	p := r.task(EtcdRestoreKind)
	p.From = EtcdVersion(c.Etcd)
	p.To = p.From
	if err := r.identify(); err != nil {
		return nil, err
	}
	p.Etcd.Restore = &r.what
	for _, m := range c.Etcd.Members {
		p.Etcd.Members = append(p.Etcd.Members, EtcdMemberSummary{Name: m.Name, Node: m.Node, Run: run(m), Version: m.Version})
	}
	p.Reasons = r.reasonsWhy()
	p.Etcd.Downtime = "nobody can use the API from the moment at which the second member ends until the new members serve, a minute or two; pods go on meanwhile"
	p.Phases = r.phases()
	if r.err != nil {
		return nil, r.err
	}
	return p, p.seal()
}

type etcdRestore struct {
	*etcdBuilder
	in      EtcdRestoreInput
	what    EtcdRestore
	members []string // name=URL
	first   string   // the node that begins
}

// identify fixes who the new cluster will be. A restore that was begun keeps that; another one has to be another cluster, also of the same snapshot: a member
// that was left out and comes back must not be taken for one of it.
func (r *etcdRestore) identify() error {
	e := r.in.Cluster.Etcd
	r.what = EtcdRestore{From: r.in.From, Snapshot: r.in.Snapshot, Token: RestoreToken + r.in.Snapshot.SHA256[:min(12, len(r.in.Snapshot.SHA256))] + "-" + e.ID}
	var revision int64
	for _, m := range e.Members {
		for _, u := range m.PeerURLs {
			r.members = append(r.members, m.Name+"="+u)
		}
		revision = max(revision, m.Revision)
		if r.first == "" || m.Node == r.in.From.Node {
			r.first = m.Node
		}
	}
	slices.Sort(r.members)
	// Nobody may have seen a revision that comes again with something else.
	ahead := uint64(max(0, revision-r.in.Snapshot.Revision)) //nolint:gosec // not negative
	r.what.Bump = ((ahead+bump/2)/bump + 1) * bump
	if b := r.in.Begun; b != nil {
		r.what.Token, r.what.Bump = b.Token, b.Bump
	}
	id, err := cluster.EtcdIdentify(e.Members[0].Name, r.members, r.what.Token)
	r.what.ClusterID = fmt.Sprintf("%x", id.Cluster)
	return err
}

func (r *etcdRestore) reasonsWhy() []string {
	s := r.in.Snapshot
	var out []string
	since := "everything that was written since the snapshot is lost"
	if !s.Created.IsZero() {
		since = "everything that was written since " + s.Created.UTC().Format("2006-01-02 15:04:05 MST") + " is lost"
	}
	out = append(out, since,
		fmt.Sprintf("the snapshot was restored and served once: %d keys at revision %d, sha256 %s", s.Keys, s.Revision, s.SHA256),
		fmt.Sprintf("the revision moves on by %d, and what was before is marked as compacted: whoever watches reads everything anew, instead of going on with what is no longer so", r.what.Bump),
		"the data directories of now are kept on their hosts, as generations in .etcd-migrate: etcd-migrate rollback puts them back",
		"pods that were made since end, and those that were deleted since come back, as their controllers see fit; volumes are as they are")
	if r.in.Begun != nil {
		out = append(out, "a restore of this snapshot was begun and goes on")
	}
	return out
}

func (r *etcdRestore) phases() []Phase {
	e := r.in.Cluster.Etcd
	bring := Phase{ID: "bring", Title: "Bring the snapshot to every host", Parallel: 1}
	arm := Phase{ID: "arm", Title: "Give every other host its part", Parallel: len(e.Members)}
	members := Phase{ID: "members", Title: "Every member of the new cluster", Parallel: len(e.Members), MaxFailures: len(e.Members)}
	settle := Phase{ID: "settle", Title: "Finish", Parallel: 1}
	var first Step
	for _, m := range e.Members {
		step := r.rebuild(m)
		p := EtcdBeginParams{Step: step.ID, Action: r.action(m)}
		members.Groups = append(members.Groups, Group{ID: "members/" + m.Node, Title: m.Node, Steps: []Step{step}})
		settle.Groups = append(settle.Groups, Group{ID: "settle/" + m.Node, Title: m.Node, Steps: []Step{
			r.host("settle/"+m.Node+"/forget", "forget that a restore was begun", m.Node, hostaction.EtcdSettle{ClusterID: r.what.ClusterID}, time.Minute),
		}})
		if r.path(m) != r.in.From.Path {
			bring.Groups = append(bring.Groups, Group{ID: "bring/" + m.Node, Title: m.Node, Steps: []Step{
				r.step("bring/"+m.Node+"/snapshot", "bring the snapshot, and check its sum", EtcdBring, m.Node,
					EtcdBringParams{From: r.in.From, Size: r.in.Snapshot.Size, SHA256: r.in.Snapshot.SHA256}, false, time.Hour),
			}})
		}
		if m.Node == r.first {
			first = r.step("begin/cluster/first", "end the member and make it anew", EtcdBegin, m.Node, p, true, 10*time.Minute)
			continue
		}
		arm.Groups = append(arm.Groups, Group{ID: "arm/" + m.Node, Title: m.Node, Steps: []Step{
			r.step("arm/"+m.Node+"/begin", "look whether it can, and wait for a peer to begin", EtcdBegin, m.Node, p, false, 10*time.Minute),
		}})
	}
	begin := Phase{ID: "begin", Title: "Begin with " + r.first, Parallel: 1, Groups: []Group{{ID: "begin/cluster", Title: "cluster", Steps: []Step{first, r.comeBack(first)}}}}
	agree := Phase{ID: "agree", Title: "What all serve", Parallel: 1, Groups: []Group{{ID: "agree/cluster", Title: "cluster", Steps: r.agreed()}}}
	out := []Phase{begin, members, agree, settle}
	if len(arm.Groups) > 0 {
		out = slices.Insert(out, 0, arm)
	}
	if len(bring.Groups) > 0 {
		out = slices.Insert(out, 0, bring)
	}
	return out
}

// comeBack recalls the others where the first one cannot begin.
func (r *etcdRestore) comeBack(first Step) Step {
	p := EtcdReturnParams{First: EtcdBeginParams{Step: rebuildID(first.Node)}}
	for _, m := range r.in.Cluster.Etcd.Members {
		if m.Node == first.Node {
			p.First.Action = r.action(m)
		} else {
			p.Recall = append(p.Recall, m.Node)
		}
	}
	return r.step("begin/cluster/return", "the API serves what was restored; lock and agents come back", EtcdReturn, first.Node, p, true, 30*time.Minute)
}

// agreed looks at the outcome.
func (r *etcdRestore) agreed() []Step {
	var steps []Step
	e := r.in.Cluster.Etcd
	v, names := memberVersion(e, e.Members[0]), []string(nil)
	same := true
	for _, m := range e.Members {
		names = append(names, m.Name)
		same = same && memberVersion(e, m) == v
	}
	if same { // members of two releases agree on less
		steps = append(steps, r.host("agree/cluster/members", "all members agree on version, storage, index, leases and the hash of all keys", r.first,
			hostaction.EtcdAgree{Access: r.access(r.first), Version: v, Members: names}, 10*time.Minute))
	}
	return append(steps, r.step("agree/cluster/serves", "every member and every API server answers and is stable", EtcdServes, r.first, EtcdServesParams{Stable: stable}, false, 10*time.Minute))
}

func rebuildID(node string) string { return "members/" + node + "/rebuild" }

func (r *etcdRestore) rebuild(m cluster.EtcdMember) Step {
	return r.host(rebuildID(m.Node), "member "+m.Name+" serves, its API server too; controllers start anew", m.Node, r.action(m), rebuildTime)
}

const (
	// armed is how long a host waits for a peer to begin, which takes as long as one member takes to end and to be restored.
	armed = 15 * time.Minute
	// rebuildTime is all of it.
	rebuildTime = armed + 30*time.Minute
)

// path is where the snapshot lies on a member's host.
func (r *etcdRestore) path(m cluster.EtcdMember) string {
	if m.Node == r.in.From.Node {
		return r.in.From.Path
	}
	return SnapshotPath(r.in.Snapshot.SHA256)
}

func (r *etcdRestore) action(m cluster.EtcdMember) hostaction.EtcdRebuild {
	p, v := m.Process, memberVersion(r.in.Cluster.Etcd, m)
	a := hostaction.EtcdRebuild{
		Restore: hostaction.EtcdRestore{
			Snapshot: r.path(m), SHA256: r.in.Snapshot.SHA256, DataDir: p.DataDir, WALDir: p.WALDir, Name: m.Name,
			InitialCluster: r.members, Token: r.what.Token, RevisionBump: r.what.Bump, Owner: p.Owner, Version: v,
		},
		Member: hostaction.EtcdReplace{Name: m.Name, Version: v, From: v, Run: p.Run, Access: r.access(m.Node), DataDir: p.DataDir, WALDir: p.WALDir, Wait: replaceWait},
		Follow: m.Node != r.first, Patience: armed,
	}
	if len(m.PeerURLs) > 0 {
		a.Restore.PeerURL = m.PeerURLs[0]
	}
	for _, o := range r.in.Cluster.Etcd.Members {
		if o.Name != m.Name {
			a.Peers = append(a.Peers, o.PeerURLs...)
		}
	}
	return a
}

// memberVersion is the release that a member runs, or by its image would run if it did.
func memberVersion(e *cluster.Etcd, m cluster.EtcdMember) version.Version {
	if !m.Version.IsZero() {
		return m.Version
	}
	if m.Process != nil && len(m.Process.Files) > 0 {
		if p, err := manifest.ReadEtcdPod([]byte(m.Process.Files[0].Text)); err == nil && !p.Version.IsZero() {
			return p.Version
		}
	}
	return EtcdVersion(e)
}
