package ui

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// fit leaves out rows until the rest is not higher than height. Neighbours that are left out share one line that counts them.
// When that is not enough, the counting lines go too, then rows that matter, and at last what lies below.
func fit(rows []row, height int) []row {
	hidden := make([]bool, len(rows))
	out := rows
	for _, i := range expendable(rows) {
		if rows[i].rank >= detail {
			out = without(rows, hidden)
		}
		if len(out) <= height {
			return out
		}
		hidden[i] = true
		out = collapse(rows, hidden)
	}
	out = without(rows, hidden)
	return out[:min(len(out), max(0, height))]
}

// expendable lists the rows that may be left out, in the order in which they go.
func expendable(rows []row) []int {
	var out []int
	for k := range fixed {
		var same []int
		for i, r := range rows {
			if r.rank == k {
				same = append(same, i)
			}
		}
		if k != doneGroup && k != donePhase {
			slices.Reverse(same)
		}
		out = append(out, same...)
	}
	return out
}

func without(rows []row, hidden []bool) []row {
	var out []row
	for i, r := range rows {
		if !hidden[i] {
			out = append(out, r)
		}
	}
	return out
}

// collapse replaces each stretch of hidden rows of one depth by a line that counts them.
func collapse(rows []row, hidden []bool) []row {
	var out []row
	for from := 0; from < len(rows); {
		to := from
		for to < len(rows) && hidden[to] && rows[to].depth == rows[from].depth && rows[to].what == rows[from].what {
			to++
		}
		if to-from < 2 { // a line that counts would take as much room as the one
			to = from + 1
			out = append(out, rows[from])
		} else {
			out = append(out, count(rows[from:to]))
		}
		from = to
	}
	return out
}

func count(rows []row) row {
	done := !slices.ContainsFunc(rows, func(r row) bool { return r.state != event.Done && r.state != event.Already })
	n := 0
	for _, r := range rows {
		n += max(1, r.count)
	}
	text := fmt.Sprintf("  %d more%s", n, rows[0].what)
	if done {
		text = fmt.Sprintf("  %d%s done", n, rows[0].what)
	}
	return row{depth: rows[0].depth, line: line{{text: text}}}
}
