package plan

import (
	"path"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// The kinds of plans that leave etcd as it is.
const (
	EtcdSnapshotKind = "EtcdSnapshotPlan"
	EtcdVerifyKind   = "EtcdVerifyPlan"
)

// ForEtcdSnapshot computes the plan that takes a snapshot from the leader, and checks it.
func ForEtcdSnapshot(in EtcdInput) (*Plan, error) {
	b := &etcdBuilder{builder: &builder{in: Input{Cluster: in.Cluster}}, etcd: in}
	if l, ok := in.Cluster.Etcd.Leader(); ok {
		b.leads = l.Name
	}
	p := b.task(EtcdSnapshotKind)
	p.Etcd.Options = in.Options
	p.From = EtcdVersion(in.Cluster.Etcd)
	p.Etcd.Snapshot = b.backup()
	p.Phases = b.snapshot(p.Etcd.Snapshot)
	p.Phases[0].Title = "Snapshot"
	if b.err != nil {
		return nil, b.err
	}
	return p, p.seal()
}

// ForEtcdVerify computes the plan that checks a snapshot where it lies. One that is on the operator's machine is brought to the node, and goes from there with the agent.
func ForEtcdVerify(c *cluster.Cluster, at EtcdBackup, local *EtcdBringParams) (*Plan, error) {
	b := &etcdBuilder{builder: &builder{in: Input{Cluster: c}}}
	p := b.task(EtcdVerifyKind)
	p.Etcd.Snapshot = at
	check, file := hostaction.EtcdVerify{Path: at.Path}, at.Path
	var steps []Step
	if local != nil {
		check.SHA256, file = local.SHA256, local.From.Path
		steps = append(steps, b.step("verify/"+at.Node+"/bring", "bring it to the node", EtcdBring, at.Node, *local, false, time.Hour))
	}
	steps = append(steps, b.host("verify/"+at.Node+"/snapshot", "check its sums and structure, restore it and serve it once", at.Node, check, time.Hour))
	p.Phases = []Phase{{ID: "verify", Title: "Verify " + path.Base(file), Parallel: 1, Groups: []Group{{ID: "verify/" + at.Node, Title: at.Node, Steps: steps}}}}
	if b.err != nil {
		return nil, b.err
	}
	return p, p.seal()
}

func (b *etcdBuilder) task(kind string) *Plan {
	c := b.in.Cluster
	return &Plan{APIVersion: APIVersion, Kind: kind, Cluster: ClusterRef{UID: c.UID, Server: c.Server, Context: c.Context}, Nodes: []NodeSummary{}, Etcd: &EtcdPlan{}}
}
