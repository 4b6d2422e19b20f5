package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// EtcdPlan writes a plan for etcd as an operator reads it before saying yes: where each member stands, what becomes of its files, and every step in order.
func EtcdPlan(w io.Writer, c *cluster.Cluster, p *plan.Plan) {
	fmt.Fprintf(w, "Context:  %s\nServer:   %s\netcd:     %s", orDash(p.Cluster.Context), p.Cluster.Server, p.From.Bare())
	for _, v := range p.Path {
		if v != p.From {
			fmt.Fprintf(w, " → %s", v.Bare())
		}
	}
	fmt.Fprintln(w)
	EtcdMembers(w, c.Etcd)
	if p.Empty() {
		fmt.Fprintf(w, "\nNothing to do: every member is at %s.\n", p.To.Bare())
		return
	}
	etcdChanges(w, p.Etcd.Changes)
	if len(p.Reasons) > 0 {
		fmt.Fprintln(w, "\nWhy so:")
		for _, r := range p.Reasons {
			fmt.Fprintf(w, "  - %s\n", printers.EscapeTerminal(r))
		}
	}
	if p.Etcd.Downtime != "" {
		fmt.Fprintf(w, "\nDowntime: %s\n", p.Etcd.Downtime)
	}
	for _, ph := range p.Phases {
		steps(w, ph)
	}
	if s := p.Etcd.Snapshot; s != (plan.EtcdBackup{}) {
		fmt.Fprintf(w, "\nThe snapshot stays at %s on node %s: it is yours to remove.", s.Path, s.Node)
	}
	fmt.Fprintf(w, "\nThe agent is removed at the end. Plan digest: %s\n", p.Digest)
}

// EtcdMembers is a table of the members in kubectl's look.
func EtcdMembers(w io.Writer, e *cluster.Etcd) {
	fmt.Fprintln(w)
	t := printers.GetNewTabWriter(w)
	fmt.Fprintln(t, strings.ToUpper(strings.Join(memberColumns(), "\t")))
	for _, m := range e.Members {
		fmt.Fprintln(t, printers.EscapeTerminal(strings.Join(memberCells(m), "\t")))
	}
	t.Flush()
}

func memberColumns() []string {
	return []string{"member", "node", "run as", "version", "role", "database", "state"}
}

func memberCells(m cluster.EtcdMember) []string {
	as := "-"
	if m.Process != nil {
		as = string(m.Process.Run)
		if m.Process.Unit != "" {
			as = m.Process.Unit
		}
	}
	role := "follower"
	switch {
	case m.Leader:
		role = "leader"
	case m.Learner:
		role = "learner"
	}
	v := "-"
	if !m.Version.IsZero() {
		v = m.Version.Bare()
	}
	state := "ok"
	switch {
	case m.Error != "":
		state, role = m.Error, "-"
	case len(m.Alarms) > 0:
		state = "alarm " + strings.Join(m.Alarms, ", ")
	}
	return []string{m.Name, orDash(m.Node), as, v, role, size(m.DBSize), state}
}

// size writes bytes as an operator compares them.
func size(n int64) string {
	switch {
	case n <= 0:
		return "-"
	case n < 10<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// etcdChanges writes each change of a file once, for all members where it is the same.
func etcdChanges(w io.Writer, changes []plan.EtcdChange) {
	type group struct {
		plan.EtcdChange
		members []string
	}
	var groups []group
	for _, c := range changes {
		body := hunks(c.Diff)
		i := slices.IndexFunc(groups, func(g group) bool {
			return g.To == c.To && g.Path == c.Path && hunks(g.Diff) == body && slices.Equal(g.Notes, c.Notes)
		})
		if i < 0 {
			groups = append(groups, group{EtcdChange: c})
			i = len(groups) - 1
		}
		groups[i].members = append(groups[i].members, c.Member)
	}
	for _, g := range groups {
		fmt.Fprintf(w, "\nFor %s, %s on %s:\n", g.To.Bare(), orDash(g.Path), printers.EscapeTerminal(strings.Join(g.members, ", ")))
		for line := range strings.Lines(hunks(g.Diff)) {
			fmt.Fprintf(w, "    %s", printers.EscapeTerminal(strings.TrimRight(line, "\n"))+"\n")
		}
		for _, n := range g.Notes {
			fmt.Fprintf(w, "    # %s\n", printers.EscapeTerminal(n))
		}
	}
}

// hunks is a diff without its header, and without the numbers of lines, which differ from member to member.
func hunks(diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		case strings.HasPrefix(line, "@@"):
			if b.Len() > 0 {
				b.WriteString("...\n")
			}
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// OfferedEtcd writes the releases that every member can get.
func OfferedEtcd(w io.Writer, offered map[string][]string) {
	if len(offered) == 0 {
		return
	}
	minors := make([]string, 0, len(offered))
	for m := range offered {
		minors = append(minors, m)
	}
	slices.Sort(minors)
	fmt.Fprintln(w, "At hand for every member:")
	for _, m := range minors {
		fmt.Fprintf(w, "  %s: %s\n", m, orDash(strings.Join(offered[m], " ")))
	}
	fmt.Fprintln(w)
}
