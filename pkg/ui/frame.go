package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// Frame draws the model as it is at a time, in at most height lines of less than width columns.
// It is pure: the same model and time give the same picture.
func (l Look) Frame(m *Model, width, height int, now time.Time) []string {
	rows := fit(l.rows(m, now), height)
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		// The last column stays free: a terminal that wraps there would make two lines of one.
		text, _ := l.render(append(line{{text: strings.Repeat("  ", r.depth)}}, r.line...), max(1, width-1))
		out = append(out, text)
	}
	return out
}

// row is a line that knows how well the picture does without it.
type row struct {
	line
	depth int
	rank  rank
	state event.State
}

// rank says which rows go first when there is not enough room: the lowest.
type rank int

const (
	// The first five go with a line that counts them.
	farGroup   rank = iota // a node that has not begun, from the last on
	doneGroup              // a node that is done, from the first on
	farPhase               // a phase that has not begun, from the last on
	donePhase              // a phase that is done, from the first on
	nextGroup              // the node that comes next
	detail                 // what a step waits for
	aliveGroup             // a node that is worked on, from the last on
	heading                // the phase that is worked on
	fixed                  // the title, failures, what the run waits for
)

// rows draws everything that there may be room for.
func (l Look) rows(m *Model, now time.Time) []row {
	var out []row
	if !m.Started.IsZero() {
		out = append(out, l.title(m, now))
	}
	for _, p := range m.Tree.Phases {
		out = append(out, l.phase(m, p, now)...)
	}
	if m.Waiting.For != "" {
		out = append(out, row{rank: fixed, line: line{l.mark(event.Running, now), {text: " waiting for " + clean(m.Waiting.For)}, l.since(m.Waiting.Since, now)}})
	}
	return out
}

func (l Look) title(m *Model, now time.Time) row {
	ln := line{{text: clean(m.Tree.Title), style: l.Palette.Title}}
	switch {
	case m.Ended.IsZero():
		ln = append(ln, l.since(m.Started, now))
	case m.Error != "":
		ln = append(ln, span{"  stopped after " + short(m.Took), l.Palette.Failed})
	default:
		ln = append(ln, span{"  done in " + short(m.Took), l.Palette.Done})
	}
	return row{rank: fixed, line: ln}
}

// phase draws one line for a phase that is done or not begun, and the nodes of one that is worked on.
func (l Look) phase(m *Model, p event.Phase, now time.Time) []row {
	s := sum(m.ofPhase(p))
	head := row{state: s.state, line: line{l.mark(s.state, now), {text: " " + clean(p.Title)}}}
	open := s.state == event.Running || s.state == event.Failed || s.state == event.Skipped && s.touched
	if !open && len(p.Groups) > 1 {
		head.line = append(head.line, span{fmt.Sprintf("  %d nodes", len(p.Groups)), l.Palette.Faint})
	}
	head.line = append(head.line, l.ending(s, now)...)
	switch {
	case open:
		head.rank = heading
	case s.touched:
		head.rank = donePhase
	default:
		head.rank = farPhase
	}
	out := []row{head}
	if !open {
		return out
	}
	next := true
	for _, g := range p.Groups {
		rows := l.group(m, g, now)
		if rows[0].rank == farGroup && next {
			rows[0].rank, next = nextGroup, false
		}
		out = append(out, rows...)
	}
	return out
}

// group draws a node: its step while it is worked on, and below what that waits for, or why it failed.
func (l Look) group(m *Model, g event.Group, now time.Time) []row {
	s := sum(m.of(g))
	out := []row{{depth: 1, state: s.state, line: line{l.mark(s.state, now), {text: " " + clean(g.Title)}}}}
	switch {
	case s.current != nil:
		c := s.current
		out[0].rank = aliveGroup
		out[0].line = append(out[0].line, span{text: "  " + clean(c.Title)}, span{fmt.Sprintf("  %d/%d", s.nth, len(g.Steps)), l.Palette.Faint})
		if c.State == event.Failed {
			out[0].rank = fixed
			out[0].line = append(out[0].line, span{"  failed after " + short(c.Took), l.Palette.Failed})
			if c.Error != "" {
				out = append(out, row{depth: 3, rank: fixed, line: line{{clean(c.Error), l.Palette.Failed}}})
			}
			break
		}
		out[0].line = append(out[0].line, l.since(c.Started, now))
		if c.Waiting.For != "" {
			out = append(out, row{depth: 3, rank: detail, line: line{{"waiting for " + clean(c.Waiting.For), l.Palette.Warning}, l.since(c.Waiting.Since, now)}})
		}
	case s.state == event.Pending, s.state == event.Skipped && !s.touched:
		out[0].rank = farGroup
	case s.state == event.Running:
		out[0].rank = aliveGroup
	default:
		out[0].rank = doneGroup
		out[0].line = append(out[0].line, l.ending(s, now)...)
	}
	return out
}

// ending says how long something took, or goes on already.
func (l Look) ending(s summary, now time.Time) line {
	switch s.state {
	case event.Pending, event.Skipped:
		return nil
	case event.Already:
		return line{{"  already done", l.Palette.Faint}}
	}
	if s.state == event.Running {
		return line{l.since(s.began, now)}
	}
	return line{l.time(s.ended.Sub(s.began))}
}

// since counts whole seconds: tenths that race catch the eye for nothing.
func (l Look) since(t, now time.Time) span { return l.time(now.Sub(t).Truncate(time.Second)) }

func (l Look) time(d time.Duration) span { return span{"  " + short(d), l.Palette.Faint} }
