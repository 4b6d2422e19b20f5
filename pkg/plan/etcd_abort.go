package plan

import (
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// AbortEtcdInput is all that a plan to give up an upgrade of etcd is computed from.
type AbortEtcdInput struct {
	// Cluster has Etcd set.
	Cluster  *cluster.Cluster
	From, To version.Version
	// Begun is the plan that was begun; nil where the record had no room for it.
	Begun *Plan
}

// AbortEtcd computes the plan that ends an upgrade of etcd half way. Members keep the release that they run: a cluster of two releases serves, by the
// older one's rules, and one that was put back by force could have forgotten what it has promised to the others. That all of them serve is what is made sure of.
func AbortEtcd(in AbortEtcdInput) (*Plan, error) {
	c := in.Cluster
	if c.Etcd == nil || len(c.Etcd.Members) == 0 {
		return nil, fmt.Errorf("plan to give up the upgrade of etcd: no member found")
	}
	b := &etcdBuilder{builder: &builder{in: Input{Cluster: c}, to: in.To}}
	p := &Plan{
		APIVersion: APIVersion, Kind: AbortKind, From: in.From, To: in.To, Nodes: []NodeSummary{},
		Cluster: ClusterRef{UID: c.UID, Server: c.Server, Context: c.Context}, Etcd: &EtcdPlan{},
	}
	for _, m := range c.Etcd.Members {
		p.Etcd.Members = append(p.Etcd.Members, EtcdMemberSummary{Name: m.Name, Node: m.Node, Run: run(m), Version: m.Version})
		switch {
		case m.Error != "":
			p.Reasons = append(p.Reasons, fmt.Sprintf("%s does not answer: %s", m.Name, m.Error))
		default:
			p.Reasons = append(p.Reasons, fmt.Sprintf("%s runs %s, and keeps it", m.Name, m.Version.Bare()))
		}
	}
	if oldest, newest := EtcdVersion(c.Etcd), NewestEtcdVersion(c.Etcd); oldest != newest {
		p.Reasons = append(p.Reasons, fmt.Sprintf("members of %s and %s together serve as a cluster of %s; do not leave it so for long, and do not add members meanwhile",
			oldest.Bare(), newest.Bare(), oldest.MinorString()))
	}
	if in.Begun != nil && in.Begun.Etcd != nil && in.Begun.Etcd.Snapshot != (EtcdBackup{}) {
		s := in.Begun.Etcd.Snapshot
		p.Reasons = append(p.Reasons, fmt.Sprintf("the snapshot from before, if it was taken, stays at %s on node %s", s.Path, s.Node))
	}
	p.Phases = []Phase{{ID: "finish", Title: "Finish", Parallel: 1, Groups: []Group{{ID: "finish/cluster", Title: "cluster", Steps: []Step{
		b.step("finish/serving", "verify that every member and every API server answers", EtcdServes, b.asker(), EtcdServesParams{Stable: stable}, false, 5*time.Minute),
	}}}}}
	if b.err != nil {
		return nil, b.err
	}
	return p, p.seal()
}
