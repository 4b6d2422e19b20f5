package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// AbortKind is the kind of a plan that gives up an upgrade.
const AbortKind = "ClusterAbortPlan"

// AbortInput is all that a plan to give up an upgrade is computed from.
type AbortInput struct {
	Cluster *cluster.Cluster
	// Recorded is set when the cluster has a record of an upgrade that is not finished; From and To are its versions then.
	Recorded bool
	From, To version.Version
	// Back are the nodes that go back; Packages has what their package managers would do for it.
	Back     []Rollback
	Packages Packages
	// Options are those about drains; the others have no meaning here.
	Options Options
	// Begun is the plan that was begun; nil where the record had no room for it. Configs are the documents that it takes something out of, as they are now.
	Begun   *Plan
	Configs []cluster.Config
}

// Abort computes the plan that ends an upgrade half way: every node that it has touched serves again, with its packages whole, its
// holds as before and its kubelet in the version that is installed. What has a new version keeps it, but for the nodes that are to
// go back; what has the old one gets back what was taken out of its configuration. A plan without phases has nothing to give up.
func Abort(in AbortInput) (*Plan, error) {
	a := &aborter{builder: &builder{in: Input{Cluster: in.Cluster, Packages: in.Packages, Options: in.Options}, to: in.To}, abort: in,
		verify: ServingParams{Nodes: map[string]Serving{}}}
	p := &Plan{
		APIVersion: APIVersion, Kind: AbortKind, From: in.From, To: in.To, Options: in.Options,
		Cluster: ClusterRef{UID: in.Cluster.UID, Server: in.Cluster.Server, Context: in.Cluster.Context},
	}
	serve := Phase{ID: "serve", Title: "Bring nodes back into service", Parallel: 1}
	back := Phase{ID: "back", Title: "Take nodes back", Parallel: 1}
	for _, n := range a.everyNode() {
		summary := NodeSummary{Name: n.Name, Role: string(n.Role), Kubelet: n.KubeletVersion}
		why := a.unfinished(n)
		if r, ok := a.goesBack(n.Name); ok {
			back.Groups = append(back.Groups, a.back(r))
			summary.Stops, summary.Held = []NodeStop{a.stopBack(n, r)}, held(n)
			why = append(why, fmt.Sprintf("its kubelet goes back from %s to %s", r.From, r.To))
			a.wants(n, r.To)
		} else if len(why) > 0 {
			serve.Groups = append(serve.Groups, a.serve(n))
			a.wants(n, installed(n))
		}
		if len(why) > 0 {
			p.Reasons = append(p.Reasons, n.Name+": "+strings.Join(why, ", "))
		}
		p.Nodes = append(p.Nodes, summary)
	}
	configuration, reasons := a.putBack()
	p.Phases, p.Reasons = configuration, append(p.Reasons, reasons...)
	for _, ph := range []Phase{serve, back} {
		if len(ph.Groups) > 0 {
			p.Phases = append(p.Phases, ph)
		}
	}
	if len(p.Phases) > 0 || in.Recorded {
		p.Phases = append(p.Phases, a.finish())
	}
	if a.err != nil {
		return nil, a.err
	}
	return p, p.seal()
}

// aborter is a builder that knows what is given up.
type aborter struct {
	*builder
	abort  AbortInput
	verify ServingParams
}

func (a *aborter) goesBack(node string) (Rollback, bool) {
	for _, r := range a.abort.Back {
		if r.Node == node {
			return r, true
		}
	}
	return Rollback{}, false
}

// unfinished says what an upgrade has left undone on a node. A cordon, a mark and a record of holds are ours by themselves; the rest
// may be somebody else's work, and is taken for ours only where an upgrade is not finished.
func (a *aborter) unfinished(n cluster.Node) []string {
	var out []string
	if n.CordonedByUs {
		out = append(out, "the upgrade has cordoned it")
	}
	if n.Marked {
		out = append(out, "it is marked as still to be drained")
	}
	if n.Host == nil {
		return out
	}
	if n.Host.HeldBefore != nil {
		out = append(out, "the holds of its packages are lifted")
	}
	if len(out) == 0 && !a.abort.Recorded {
		return nil
	}
	for _, p := range n.Host.Packages {
		if p.State != "" {
			out = append(out, fmt.Sprintf("package %s is %s", p.Name, p.State))
		}
	}
	if v := installed(n); v != n.KubeletVersion {
		out = append(out, fmt.Sprintf("its kubelet runs as %s, installed is %s", n.KubeletVersion, v))
	}
	if !n.Host.KubeletActive {
		out = append(out, "its kubelet does not run")
	}
	return out
}

// installed is the version of the kubelet's package: what the kubelet runs as once it is started again.
func installed(n cluster.Node) version.Version {
	if n.Host != nil {
		if p, ok := n.Host.Package("kubelet"); ok {
			if v, ok := version.OfPackage(p.Version); ok {
				return v
			}
		}
	}
	return n.KubeletVersion
}

// serve is the group that makes a node serve again, going forward to what is installed on it.
func (a *aborter) serve(n cluster.Node) Group {
	id := "serve/" + n.Name
	steps := a.finishPackages(id, n)
	v := installed(n)
	switch {
	case n.Host != nil && (v != n.KubeletVersion || !n.Host.KubeletActive):
		steps = append(steps, a.emptied(id, n, v)...)
		steps = append(steps, a.started(id, n, v)...)
	case len(steps) > 0 || n.CordonedByUs:
		steps = append(steps, a.readyAt(id, n, v), a.released(id, n))
	default:
		steps = append(steps, a.released(id, n))
	}
	return Group{ID: id, Title: n.Name, Steps: steps}
}

// finishPackages has nothing to do where packages are whole and holds are there.
func (a *aborter) finishPackages(id string, n cluster.Node) []Step {
	whole := n.Host == nil || n.Host.HeldBefore == nil
	if n.Host != nil {
		for _, p := range n.Host.Packages {
			whole = whole && p.State == ""
		}
	}
	if whole {
		return nil
	}
	return []Step{a.host(id+"/finish", "finish packages and restore holds", n.Name, hostaction.FinishPackages{}, 15*time.Minute)}
}

// emptied moves a node's pods away before its kubelet changes its version. On a node that was drained before there is nothing to move.
func (a *aborter) emptied(id string, n cluster.Node, v version.Version) []Step {
	o := a.in.Options
	steps := []Step{
		a.step(id+"/cordon", "cordon", Cordon, n.Name, CordonParams{Version: v}, true, time.Minute),
		a.step(id+"/drain", "drain", Drain, n.Name, DrainParams{
			Version: v, DeleteEmptyDir: o.DeleteEmptyDir, Force: o.Force, DisableEviction: o.DisableEviction, GracePeriodSeconds: o.GracePeriodSeconds,
		}, true, time.Duration(o.DrainTimeout)),
	}
	if _, ok := n.Component("etcd"); ok && len(a.in.Cluster.OfRole(cluster.ControlPlane)) > 1 {
		steps = append(steps, a.host(id+"/leader", "let etcd do without this member", n.Name, hostaction.MoveEtcdLeader{}, leaderWait))
	}
	return steps
}

func (a *aborter) started(id string, n cluster.Node, v version.Version) []Step {
	return []Step{
		a.host(id+"/kubelet", "restart kubelet", n.Name, hostaction.RestartKubelet{Version: v}, 5*time.Minute),
		a.readyAt(id, n, v),
		a.released(id, n),
	}
}

func (a *aborter) readyAt(id string, n cluster.Node, v version.Version) Step {
	return a.step(id+"/ready", "node Ready at "+v.String()+" and stable", NodeReady, n.Name, NodeReadyParams{Version: v, Stable: stable}, false, 10*time.Minute)
}

func (a *aborter) released(id string, n cluster.Node) Step {
	return a.step(id+"/uncordon", "lift our cordon and our mark", Uncordon, n.Name, nil, true, time.Minute)
}

// wants keeps for the last look how a node has to be.
func (a *aborter) wants(n cluster.Node, v version.Version) {
	a.verify.Nodes[n.Name] = Serving{Kubelet: v, Held: held(n)}
}

// stopBack tells of the packages of a node that goes back.
func (a *aborter) stopBack(n cluster.Node, r Rollback) NodeStop {
	res := a.in.Packages[n.Name][r.To]
	out := NodeStop{Version: r.To}
	changes := res.Rest
	if n.Role != cluster.ControlPlane {
		changes = append(slices.Clip(changes), res.Kubeadm...)
	}
	for _, c := range changes {
		out.Packages = append(out.Packages, PackageChange(c))
	}
	for _, e := range res.Edits {
		out.Edits = append(out.Edits, SourceEdit(e))
	}
	return out
}

func (a *aborter) finish() Phase {
	return Phase{ID: "finish", Title: "Finish", Parallel: 1, Groups: []Group{{
		ID: "finish/cluster", Title: "cluster", Steps: []Step{
			a.step("finish/serving", "verify that every node serves and is as it was found", NodesServe, "", a.verify, false, 5*time.Minute),
		},
	}}}
}
