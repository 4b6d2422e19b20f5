// Package report writes plans, findings and outcomes for people (text) and for programs (JSON).
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/explain"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// Plan writes a plan as an operator reads it before saying yes: where each node stands, what changes on it, and every step in order.
func Plan(w io.Writer, c *cluster.Cluster, p *plan.Plan) {
	header(w, p)
	componentTable(w, p.Components)
	nodes(w, c, p)
	packages(w, p)
	if p.Empty() {
		fmt.Fprintf(w, "\nNothing to do: everything is at %s.\n", p.To)
		return
	}
	if len(p.Reasons) > 0 {
		fmt.Fprintln(w, "\nWhy so:")
		for _, r := range p.Reasons {
			fmt.Fprintf(w, "  - %s\n", r)
		}
	}
	if len(p.Disruption) > 0 {
		fmt.Fprintln(w, "\nExpect:")
		for _, d := range p.Disruption {
			fmt.Fprintf(w, "  - %s\n", d)
		}
	}
	if p.StaticPods != nil {
		fmt.Fprintf(w, "\nWhat kubeadm changes in the static pods of %s:\n%s", p.StaticPods.Node, printers.EscapeTerminal(cmp.Or(p.StaticPods.Diff, "nothing\n")))
	}
	for _, ph := range p.Phases {
		steps(w, ph)
	}
	fmt.Fprintf(w, "\nThe agent is removed at the end. Plan digest: %s\n", p.Digest)
}

// componentTable is a table of the components in kubectl's look.
func componentTable(w io.Writer, all []plan.Component) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := printers.GetNewTabWriter(w)
	fmt.Fprintln(t, "COMPONENT\tCURRENT\tTARGET")
	for _, c := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Name, printers.EscapeTerminal(strings.Join(c.Current, ", ")), printers.EscapeTerminal(c.Target))
	}
	t.Flush()
}

// steps writes a phase. Nodes with the same steps share a list: on many nodes that is what can still be read.
func steps(w io.Writer, ph plan.Phase) {
	how := ""
	if len(ph.Groups) > 1 && ph.Parallel > 1 {
		how = fmt.Sprintf(" (%d nodes at once)", min(ph.Parallel, len(ph.Groups)))
	} else if len(ph.Groups) > 1 {
		how = " (one node after another)"
	}
	fmt.Fprintf(w, "\n%s%s:\n", ph.Title, how)
	for i := 0; i < len(ph.Groups); {
		who := []string{ph.Groups[i].Title}
		next := i + 1
		for ; next < len(ph.Groups) && titles(ph.Groups[next]) == titles(ph.Groups[i]); next++ {
			who = append(who, ph.Groups[next].Title)
		}
		fmt.Fprintf(w, "  %s\n%s", strings.Join(who, ", "), titles(ph.Groups[i]))
		i = next
	}
}

func titles(g plan.Group) string {
	var b strings.Builder
	for _, s := range g.Steps {
		fmt.Fprintf(&b, "    - %s\n", s.Title)
	}
	return b.String()
}

func header(w io.Writer, p *plan.Plan) {
	fmt.Fprintf(w, "Context:  %s\nServer:   %s\nUpgrade:  %s", orDash(p.Cluster.Context), p.Cluster.Server, p.From)
	for _, v := range p.Path {
		fmt.Fprintf(w, " → %s", v)
	}
	fmt.Fprintln(w)
	if o := p.Options.PackagesFrom; o != nil {
		fmt.Fprintf(w, "Packages: %s\n", o.Words())
	}
	if o := p.Options.ImagesFrom; o != nil {
		fmt.Fprintf(w, "Images:   %s\n", o.Words())
	}
}

// nodes is a table in kubectl's look.
func nodes(w io.Writer, c *cluster.Cluster, p *plan.Plan) {
	fmt.Fprintln(w)
	t := printers.GetNewTabWriter(w)
	fmt.Fprintln(t, "NODE\tROLE\tKUBELET\tCONTROL PLANE\tTARGET\tPODS TO MOVE")
	for _, s := range p.Nodes {
		n, _ := c.Node(s.Name)
		controlPlane := "-"
		if api, ok := n.Component("kube-apiserver"); ok {
			controlPlane = api.Version.String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", s.Name, s.Role, s.Kubelet, controlPlane, p.To, len(s.Evicted))
	}
	t.Flush()
}

// packages groups the nodes on which the package manager does the same.
func packages(w io.Writer, p *plan.Plan) {
	var order []string
	same := map[string][]string{}
	for _, s := range p.Nodes {
		if len(s.Stops) == 0 {
			continue
		}
		text := stops(s)
		if same[text] == nil {
			order = append(order, text)
		}
		same[text] = append(same[text], s.Name)
	}
	for _, text := range order {
		fmt.Fprintf(w, "\nPackages on %s:\n%s", strings.Join(same[text], ", "), text)
	}
}

func stops(s plan.NodeSummary) string {
	var b strings.Builder
	for _, at := range s.Stops {
		if len(s.Stops) > 1 {
			fmt.Fprintf(&b, "  at %s\n", at.Version)
		}
		for _, e := range at.Edits {
			fmt.Fprintf(&b, "    %s:\n      - %s\n      + %s\n", e.File, e.Before, e.After)
		}
		for _, c := range at.Packages {
			fmt.Fprintf(&b, "    %s %s %s → %s\n", c.Action, c.Name, orDash(c.From), c.To)
		}
	}
	fmt.Fprintf(&b, "    holds kept: %s\n", orDash(strings.Join(s.Held, " ")))
	return b.String()
}

// Explained gives each finding the fix and the source that is known of it, where it has none of its own.
func Explained(fs []preflight.Finding) []preflight.Finding {
	out := slices.Clone(fs)
	for i, f := range out {
		if rows := explain.Find(f.ID); len(rows) > 0 {
			out[i].Fix, out[i].Link = cmp.Or(f.Fix, rows[0].Fix), cmp.Or(f.Link, rows[0].Source)
		}
	}
	return out
}

// Findings writes what preflight found, each with what to do about it.
func Findings(w io.Writer, fs []preflight.Finding) {
	shown := "" // findings that are mended together have the same diff
	for _, f := range Explained(fs) {
		object := ""
		if f.Object != "" {
			object = f.Object + ": "
		}
		fmt.Fprintf(w, "%s [%s] %s%s\n", f.Severity, f.ID, printers.EscapeTerminal(object), printers.EscapeTerminal(f.Message))
		for _, e := range f.Evidence {
			fmt.Fprintf(w, "  - %s\n", printers.EscapeTerminal(e))
		}
		if f.Diff != "" && f.Diff != shown {
			shown = f.Diff
			for line := range strings.Lines(f.Diff) {
				fmt.Fprintf(w, "    %s\n", printers.EscapeTerminal(strings.TrimSuffix(line, "\n")))
			}
		}
		if f.Fix != "" {
			fmt.Fprintf(w, "  fix: %s\n", printers.EscapeTerminal(f.Fix))
		}
		if f.Link != "" {
			fmt.Fprintf(w, "  see: %s\n", f.Link)
		}
		if f.Skippable && f.Severity == preflight.Error {
			fmt.Fprintf(w, "  to go on in spite of it: --skip-check=%s\n", f.ID)
		}
	}
	if preflight.Blocked(fs) {
		fmt.Fprintln(w, "More on a finding: kubectl upgrade explain ID")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
