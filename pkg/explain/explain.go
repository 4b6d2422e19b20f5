// Package explain tells what a finding of preflight, or a line that etcd, the kubelet or kubeadm dies with, means: the cause, what to do,
// and where it is told of. All of it is rows; to add one, add it to a table.
package explain

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// Row explains one thing.
type Row struct {
	// ID is that of the finding, or a name of the row's own where it is about lines of a log.
	ID string `json:"id"`
	// From is who says it: preflight, etcd, kubelet or kubeadm.
	From string `json:"from"`
	// Lines are what the lines of a log have in them. All words between two dots ("...") have to be there, in that order. None for a finding.
	Lines []string `json:"lines,omitempty"`
	Cause string   `json:"cause"`
	Fix   string   `json:"fix"`
	// Source is where it is told of: an address, or a page of these docs.
	Source string `json:"source"`
}

// Rows are all there are, by who says it and by ID.
func Rows() []Row { return slices.Clone(rows()) }

// rows are made once: the lines of a whole log may be looked for in them.
var rows = sync.OnceValue(func() []Row {
	out := slices.Concat(
		from("preflight", clusterFindings, hostFindings, drainFindings, runFindings, etcdFindings, pairingFindings, hazards()),
		from("etcd", etcdLines), from("kubelet", kubeletLines), from("kubeadm", kubeadmLines), releases())
	slices.SortStableFunc(out, func(a, b Row) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID)) })
	return out
})

// lowered are the rows' lines in lower case.
var lowered = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for _, r := range rows() {
		for _, l := range r.Lines {
			out[r.ID] = append(out[r.ID], strings.ToLower(l))
		}
	}
	return out
})

func from(who string, tables ...[]Row) []Row {
	out := slices.Concat(tables...)
	for i := range out {
		out[i].From = who
	}
	return out
}

// hazards are what can break on the way to a release.
func hazards() []Row {
	var out []Row
	for _, h := range hazard.All() {
		out = append(out, Row{ID: h.ID, Cause: h.Title + since(h), Fix: h.Fix, Source: h.Source})
	}
	return out
}

func since(h hazard.Hazard) string {
	if h.Since == "" {
		return ""
	}
	return ", from Kubernetes " + h.Since + " on"
}

// releases are the faults of releases of etcd, which other tables of this project decide by.
func releases() []Row {
	var out []Row
	for _, h := range knowledge.EtcdHazards() {
		out = append(out, Row{ID: h.ID, From: "etcd", Cause: "etcd from " + h.First.Bare() + " to " + h.Last.Bare() + " " + h.Why + condition(h),
			Fix: "run " + h.Fixed().Bare() + " or newer of that minor", Source: h.Source})
	}
	return out
}

func condition(h knowledge.Hazard) string {
	if h.Condition == "" {
		return ""
	}
	return " when " + h.Condition
}

// Find gives the rows that explain a text: the row of an ID, or those whose lines are in the text. A finding may be given as it is printed,
// with its ID in brackets. The row that says most of the text comes first.
func Find(text string) []Row {
	rows, lines := rows(), lowered()
	id := strings.TrimSpace(text)
	if _, rest, ok := strings.Cut(text, "["); ok {
		if in, _, ok := strings.Cut(rest, "]"); ok && slices.ContainsFunc(rows, func(r Row) bool { return r.ID == in }) {
			id = in
		}
	}
	var out []Row
	length := map[string]int{}
	low := strings.ToLower(text)
	for _, r := range rows {
		if r.ID == id {
			return []Row{r}
		}
		for _, l := range lines[r.ID] {
			if n := covers(l, low); n > length[r.ID] {
				length[r.ID] = n
			}
		}
		if length[r.ID] > 0 {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Row) int { return cmp.Compare(length[b.ID], length[a.ID]) })
	return out
}

// covers is how many letters of a text a line of a row stands for; 0 when it is not in it.
func covers(line, text string) int {
	n := 0
	for part := range strings.SplitSeq(line, "...") {
		i := strings.Index(text, part)
		if i < 0 {
			return 0
		}
		text = text[i+len(part):]
		n += len(part)
	}
	return n
}

// Near gives IDs that have a word of the text in them, for one that is nobody's.
func Near(text string) []string {
	var out []string
	for _, r := range rows() {
		if slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ' ' || c == '-' }), func(w string) bool {
			return len(w) > 2 && strings.Contains(r.ID, w)
		}) {
			out = append(out, r.ID)
		}
	}
	return out
}
