package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// page is a report as a document for people: what HTML and Markdown have in common. It is made of nothing but the report itself,
// so that one that was kept as JSON gives the same page.
type page struct {
	Title, Result string
	// Good is set when everything that was asked for is so.
	Good     bool
	Error    string
	Facts    []fact
	Nodes    []changed
	Tables   []table
	Lists    []list
	Etcd     *EtcdDone
	Files    []change
	Timeline *timeline
	Steps    []done
	Probe    *Probe
	Findings []preflight.Finding
	Back     []advice
}

type fact struct{ Name, Value string }

// changed is what became of a node.
type changed struct {
	Name, Role, State, Took, Cordoned string
	// Changes are what moved on it, in sentences; Planned is set where its steps were not brought to their end.
	Changes []string
	Planned bool
	Pods    int
}

// done is a step that was run or left out.
type done struct {
	ID, Title, Node, Start, Took, Error string
	State                               event.State
}

// change is how a file changes.
type change struct {
	What, Diff string
	Notes      []string
}

// table and list are parts that need no form of their own.
type table struct {
	ID, Title string
	Head      []string
	Rows      [][]string
}

type list struct {
	ID, Title string
	Items     []string
}

// advice is one way back or on.
type advice struct{ What, Command string }

func newPage(r *Report) page {
	p := page{Title: title(r), Result: r.Result, Good: r.ExitCode == 0, Error: r.Error, Findings: r.Findings, Probe: r.Probe, Etcd: r.Etcd, Back: back(r)}
	p.Facts = facts(r)
	p.Nodes = changes(r)
	p.Tables = tables(r)
	p.Lists = lists(r)
	p.Files = files(r.Plan)
	planned := stepsOf(r.Plan)
	for _, s := range r.Steps {
		d := done{ID: s.ID, Title: cmp.Or(planned[s.ID].Title, s.ID), Node: s.Node, State: s.State, Error: s.Error}
		if !s.Started.IsZero() {
			d.Start, d.Took = s.Started.UTC().Format(time.TimeOnly), round(s.Took)
		}
		p.Steps = append(p.Steps, d)
	}
	p.Timeline = newTimeline(r, planned)
	return p
}

func tables(r *Report) []table {
	var all []table
	if r.Plan != nil {
		t := table{ID: "components", Title: "Components", Head: []string{"Component", "Before", "After"}}
		for _, c := range r.Plan.Components {
			t.Rows = append(t.Rows, []string{c.Name, strings.Join(c.Current, ", "), c.Target})
		}
		all = append(all, t)
	}
	members := table{ID: "members", Title: "Members of etcd", Head: memberColumns()}
	for _, m := range r.Members {
		members.Rows = append(members.Rows, memberCells(m))
	}
	state := table{ID: "state", Title: "The cluster now", Head: []string{"Node", "Ready", "Scheduling", "Kubelet", "Control plane"}}
	if r.State != nil {
		for _, n := range r.State.Nodes {
			state.Rows = append(state.Rows, n.cells())
		}
	}
	known := table{ID: "explanations", Title: "What is known of this failure", Head: []string{"", "Cause", "Fix", "Source"}}
	for _, e := range r.Explanations {
		known.Rows = append(known.Rows, []string{e.ID, e.Cause, e.Fix, e.Source})
	}
	return slices.DeleteFunc(append(all, members, state, known), func(t table) bool { return len(t.Rows) == 0 })
}

func files(p *plan.Plan) []change {
	var all []change
	if p != nil && p.StaticPods != nil && p.StaticPods.Diff != "" {
		all = append(all, change{What: "static pods of " + p.StaticPods.Node + ", by kubeadm " + p.To.String(), Diff: p.StaticPods.Diff})
	}
	if p != nil && p.Etcd != nil {
		for _, c := range p.Etcd.Changes {
			all = append(all, change{What: fmt.Sprintf("%s of %s on %s, for %s", c.Path, c.Member, c.Node, c.To.Bare()), Diff: c.Diff, Notes: c.Notes})
		}
	}
	return all
}

func lists(r *Report) []list {
	var all []list
	if r.Plan != nil {
		all = append(all, list{"expect", "What to expect", r.Plan.Disruption}, list{"reasons", "Why so", r.Plan.Reasons})
	}
	if r.State != nil {
		all = append(all, list{"skew", "Outside of the version skew policy of Kubernetes", r.State.OutsideSkew})
	}
	return slices.DeleteFunc(all, func(l list) bool { return len(l.Items) == 0 })
}

func title(r *Report) string {
	if r.Plan != nil {
		return r.Plan.Title()
	}
	return map[string]string{
		"ClusterUpgradeReport": "Upgrade", "ClusterAbortReport": "Give up an upgrade", "EtcdUpgradeReport": "Upgrade of etcd",
		"EtcdStatusReport": "State of etcd", "EtcdSnapshotReport": "Snapshot of etcd", "EtcdVerifyReport": "Check of a snapshot of etcd",
		"EtcdRestoreReport": "Restore of etcd",
	}[r.Kind]
}

func facts(r *Report) []fact {
	out := []fact{{"Result", fmt.Sprintf("%s (exit code %d)", r.Result, r.ExitCode)}}
	if p := r.Plan; p != nil {
		out = append(out, fact{"Context", orDash(p.Cluster.Context)}, fact{"Server", p.Cluster.Server}, fact{"Cluster", p.Cluster.UID})
		if len(p.Path) > 0 {
			words := []string{p.From.String()}
			for _, v := range p.Path {
				words = append(words, v.String())
			}
			out = append(out, fact{"Versions", strings.Join(words, " → ")})
		}
		out = append(out, fact{"Plan", p.Digest})
	}
	return append(out, fact{"Begun", r.Started.UTC().Format(time.DateTime) + " UTC"}, fact{"Took", round(r.Took)})
}

func stepsOf(p *plan.Plan) map[string]plan.Step {
	out := map[string]plan.Step{}
	if p == nil {
		return out
	}
	for s := range p.Steps() {
		out[s.ID] = s
	}
	return out
}

// changes tell of each node what moved on it, or what was planned where the run did not come to it.
func changes(r *Report) []changed {
	if r.Plan == nil {
		return nil
	}
	var out []changed
	for _, n := range r.Plan.Nodes {
		c := changed{Name: n.Name, Role: n.Role, State: "as before", Pods: len(n.Evicted), Took: "-", Cordoned: "-"}
		for _, s := range n.Stops {
			for _, p := range s.Packages {
				c.Changes = append(c.Changes, fmt.Sprintf("%s %s %s → %s", p.Action, p.Name, orDash(p.From), orDash(p.To)))
			}
			for _, e := range s.Edits {
				c.Changes = append(c.Changes, fmt.Sprintf("%s: %s → %s", e.File, e.Before, e.After))
			}
		}
		if i := slices.IndexFunc(r.Nodes, func(o Node) bool { return o.Name == n.Name }); i >= 0 {
			did := r.Nodes[i]
			c.State, c.Took, c.Cordoned = string(did.State), round(did.Took), round(did.Unschedulable)
		} else if len(n.Stops) > 0 {
			c.State = "planned"
		}
		c.Planned = len(c.Changes) > 0 && c.State != string(event.Done)
		out = append(out, c)
	}
	return out
}

// back says what leads on and what leads back from where the run ended.
func back(r *Report) []advice {
	var out []advice
	if r.Next != "" {
		out = append(out, advice{"Go on", r.Next})
	}
	if r.Plan == nil || len(r.Steps) == 0 {
		return out
	}
	etcd := r.Plan.Kind == plan.EtcdKind
	if r.ExitCode != 0 && r.Plan.Kind != plan.AbortKind && r.Plan.Kind != plan.EtcdRestoreKind {
		out = append(out, advice{"Give up, with every node in service", "kubectl upgrade abort"})
	}
	if r.Plan.Kind == plan.UpgradeKind {
		if names := moved(r); len(names) > 0 {
			out = append(out, advice{"Take kubelets back to the version from before, where the version skew policy allows it", "kubectl upgrade abort --rollback-node " + strings.Join(names, ",")})
		}
		out = append(out, advice{"A control plane that came up does not go back. What kubeadm has replaced is kept on each control-plane node", "ls -d /etc/kubernetes/tmp/kubeadm-backup-*"})
	}
	if etcd && r.ExitCode == 0 && r.Plan.From.Less(r.Plan.To) {
		out = append(out, advice{"Take etcd back by one minor, from 3.6 on", "kubectl upgrade etcd downgrade --to " + r.Plan.From.MinorString()})
	}
	if r.Etcd != nil {
		for _, s := range r.Etcd.Snapshots {
			out = append(out, advice{fmt.Sprintf("Check the snapshot on %s once more before it is restored; everything written since is lost then", s.Node),
				fmt.Sprintf("kubectl upgrade etcd verify %s@%s", s.Path, s.Node)})
		}
	}
	return out
}

// moved are the nodes that have a new kubelet.
func moved(r *Report) []string {
	var out []string
	planned := stepsOf(r.Plan)
	for _, s := range r.Steps {
		if planned[s.ID].Kind == of(hostaction.RestartKubelet{}) && s.State == event.Done && !slices.Contains(out, s.Node) {
			out = append(out, s.Node)
		}
	}
	return out
}
