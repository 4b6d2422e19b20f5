package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Markdown writes a report for places that show Markdown, such as tickets and merge requests.
func Markdown(w io.Writer, r *Report) {
	p := newPage(r)
	fmt.Fprintf(w, "# %s: %s\n\n", inline(p.Title), p.Result)
	rows(w, []string{"", ""}, p.Facts, func(f fact) []string { return []string{f.Name, f.Value} })
	if p.Error != "" {
		fmt.Fprintf(w, "\n%s", fenced(p.Error))
	}
	if len(p.Nodes) > 0 {
		fmt.Fprint(w, "\n## What changed on each node\n\n")
		rows(w, []string{"node", "role", "state", "time", "cordoned for", "pods to move", "changes"}, p.Nodes, func(c changed) []string {
			what := strings.Join(c.Changes, "; ")
			if c.Planned {
				what = "planned: " + what
			}
			return []string{c.Name, c.Role, c.State, c.Took, c.Cordoned, fmt.Sprint(c.Pods), what}
		})
	}
	for _, t := range p.Tables {
		fmt.Fprintf(w, "\n## %s\n\n", t.Title)
		rows(w, t.Head, t.Rows, func(cells []string) []string { return cells })
	}
	if p.Etcd != nil {
		etcdMarkdown(w, p.Etcd)
	}
	if p.Probe != nil {
		fmt.Fprintf(w, "\n## What users of the API saw\n\n%d probes of the API endpoint, %d failed, longest gap %s.\n", p.Probe.Requests, p.Probe.Failed, round(p.Probe.Longest))
		if len(p.Probe.Gaps) > 0 {
			fmt.Fprintln(w)
			rows(w, []string{"at (UTC)", "for", "during", "error"}, p.Probe.Gaps, func(g Gap) []string {
				return []string{g.Start.UTC().Format(time.TimeOnly), round(g.Took), strings.Join(g.Steps, ", "), g.Error}
			})
		}
	}
	if len(p.Findings) > 0 {
		fmt.Fprint(w, "\n## Findings\n\n")
		for _, f := range p.Findings {
			fmt.Fprintf(w, "- **%s** `%s` %s\n", f.Severity, f.ID, inline(strings.TrimPrefix(f.Object+": "+f.Message, ": ")))
			if f.Fix != "" {
				fmt.Fprintf(w, "  Fix: %s %s\n", inline(f.Fix), f.Link)
			}
		}
	}
	for i, f := range p.Files {
		if i == 0 {
			fmt.Fprint(w, "\n## Changed files\n")
		}
		fmt.Fprintf(w, "\n%s:\n\n%s", inline(f.What), fenced(f.Diff))
	}
	if len(p.Steps) > 0 {
		fmt.Fprint(w, "\n## Steps\n\n")
		rows(w, []string{"begun (UTC)", "node", "step", "state", "time"}, p.Steps, func(s done) []string {
			return []string{s.Start, s.Node, s.Title, strings.TrimSuffix(string(s.State)+": "+s.Error, ": "), s.Took}
		})
	}
	for _, l := range p.Lists {
		fmt.Fprintf(w, "\n## %s\n\n", l.Title)
		for _, item := range l.Items {
			fmt.Fprintf(w, "- %s\n", inline(item))
		}
	}
	for i, b := range p.Back {
		if i == 0 {
			fmt.Fprint(w, "\n## How to go on, or back\n")
		}
		fmt.Fprintf(w, "\n%s:\n\n%s", inline(b.What), fenced(b.Command))
	}
}

func etcdMarkdown(w io.Writer, d *EtcdDone) {
	fmt.Fprint(w, "\n## etcd\n\n")
	if len(d.Replaced) > 0 {
		rows(w, []string{"member", "from", "to", "down for"}, d.Replaced, func(r EtcdReplaced) []string {
			return []string{r.Member, r.From.Bare(), r.To.Bare(), round(r.Down)}
		})
	}
	for _, a := range d.Agreed {
		fmt.Fprintf(w, "\nAt %s all members agreed at revision %d: hash `%s`.\n", a.Version.Bare(), a.Revision, a.Hash)
	}
	for _, s := range d.Snapshots {
		fmt.Fprintf(w, "\nSnapshot `%s` on node %s: %d bytes, revision %d, %d keys, sha256 `%s`", s.Path, s.Node, s.Size, s.Revision, s.Keys, s.SHA256)
		if s.Hash != "" {
			fmt.Fprintf(w, ", keys and values `%s`", s.Hash)
		}
		if s.Verified {
			fmt.Fprint(w, ", restored and served once to check it")
		}
		fmt.Fprintln(w)
	}
	for _, f := range d.Downloads {
		fmt.Fprintf(w, "\nCopy on the operator's machine: `%s`\n", f)
	}
}

// rows writes a table.
func rows[T any](w io.Writer, head []string, all []T, cells func(T) []string) {
	put := func(cells []string) {
		for i, c := range cells {
			cells[i] = inline(c)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	put(head)
	fmt.Fprintln(w, strings.Repeat("|---", len(head))+"|")
	for _, one := range all {
		put(cells(one))
	}
}

// inline keeps text of others from being taken for Markdown, or for HTML in it.
func inline(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "\n", " ").Replace(s)
}

// fenced puts text into a block whose fence is not in it.
func fenced(s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}
