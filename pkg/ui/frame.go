package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// The picture is no wider than what most windows have. A program learns late that its window got narrower, when the terminal has broken
// the lines that stand already, and what is drawn meanwhile may be rows too low. Lines that are not broken by that do no harm: those with
// texts of others, which may be of any length, are narrower than the smallest windows that are common.
const (
	wide   = 100
	narrow = 79
)

// Frame draws the model as it is at a time, in at most height lines of less than width columns.
// It is pure: the same model and time give the same picture.
func (l Look) Frame(m *Model, width, height int, now time.Time) []string {
	width = min(width, wide)
	// A window that has room for them shows every step of the nodes that are worked on.
	rows := l.draw(m, width, now, true)
	if len(rows) > height {
		rows = fit(l.draw(m, width, now, false), height)
	}
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
	// count is how many of what are in the line; zero counts as one.
	count int
	what  string
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

// drawing is one picture in the making.
type drawing struct {
	Look
	*Model
	estimate
	width int
	now   time.Time
	// steps has every step of the nodes that are worked on drawn, too.
	steps bool
}

// draw draws everything that there may be room for.
func (l Look) draw(m *Model, width int, now time.Time, steps bool) []row {
	d := drawing{l, m, learn(m), width, now, steps}
	var out []row
	if !m.Started.IsZero() {
		out = append(out, d.title())
	}
	out = append(out, d.hops()...)
	if m.Waiting.For != "" {
		out = append(out, row{rank: fixed, line: line{l.mark(event.Running, now), {text: " waiting for " + clean(m.Waiting.For)}, l.since(m.Waiting.Since, now)}})
	}
	return out
}

func (d drawing) title() row {
	ln := line{{text: clean(d.Tree.Title), style: d.Palette.Title}}
	switch {
	case d.Ended.IsZero():
		ln = append(ln, d.since(d.Started, d.now))
		if sum(d.all()).state == event.Running {
			ln = append(ln, d.left(d.run(d.Model, d.now))...)
		}
	case d.Error != "":
		ln = append(ln, span{"  stopped after " + short(d.Took), d.Palette.Failed})
	default:
		ln = append(ln, span{"  done in " + short(d.Took), d.Palette.Done})
	}
	return row{rank: fixed, line: ln}
}

// hops draws the phases, those of a release of the way below a line for it where the way has more than one.
func (d drawing) hops() []row {
	releases := map[string]bool{}
	for _, p := range d.Tree.Phases {
		releases[p.Hop] = releases[p.Hop] || p.Hop != ""
	}
	delete(releases, "")
	var out []row
	for from := 0; from < len(d.Tree.Phases); {
		to := from + 1
		hop := d.Tree.Phases[from].Hop
		if hop == "" || len(releases) < 2 {
			out = append(out, d.drawPhase(d.Tree.Phases[from], 0)...)
			from = to
			continue
		}
		for to < len(d.Tree.Phases) && d.Tree.Phases[to].Hop == hop {
			to++
		}
		out = append(out, d.hop(hop, d.Tree.Phases[from:to])...)
		from = to
	}
	return out
}

func (d drawing) hop(name string, phases []event.Phase) []row {
	var all []*Step
	for _, p := range phases {
		all = append(all, d.ofPhase(p)...)
	}
	head, open := d.head(clean(name), sum(all), 0)
	if !open && len(phases) > 1 {
		head.line = append(head.line, span{fmt.Sprintf("  %d phases", len(phases)), d.Palette.Faint})
	}
	head.line = append(head.line, d.ending(sum(all), d.now)...)
	out := []row{head}
	for _, p := range phases {
		if open {
			out = append(out, d.drawPhase(p, 1)...)
		}
	}
	return out
}

// head begins the line of a phase, or of a release. It is open while something below it is to be seen.
func (d drawing) head(title string, s summary, depth int) (head row, open bool) {
	head = row{depth: depth, state: s.state, what: " phases", line: line{d.mark(s.state, d.now), {text: " " + title}}}
	open = s.state == event.Running || s.state == event.Failed || s.state == event.Skipped && s.touched
	switch {
	case open:
		head.rank = heading
	case s.touched:
		head.rank = donePhase
	default:
		head.rank = farPhase
	}
	return head, open
}

// drawPhase draws one line for a phase that is done or not begun, and the nodes of one that is worked on.
func (d drawing) drawPhase(p event.Phase, depth int) []row {
	s := sum(d.ofPhase(p))
	head, open := d.head(clean(p.Title), s, depth)
	if n := len(p.Groups); n > 1 {
		text := fmt.Sprintf("  %d nodes", n)
		if open {
			text = fmt.Sprintf("  %d/%d nodes", d.finished(p), n)
		}
		head.line = append(head.line, span{text, d.Palette.Faint})
	}
	head.line = append(head.line, d.ending(s, d.now)...)
	if !open {
		return []row{head}
	}
	if s.state == event.Running && len(p.Groups) > 1 {
		head.line = append(head.line, d.left(d.phase(d.Model, p, d.now))...)
	}
	return append([]row{head}, d.groups(p, depth+1)...)
}

func (d drawing) finished(p event.Phase) int {
	n := 0
	for _, g := range p.Groups {
		if s := sum(d.of(g)).state; s == event.Done || s == event.Already {
			n++
		}
	}
	return n
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

// left says how long the rest takes, where that is known.
func (l Look) left(d time.Duration, known bool) line {
	if !known || d <= 0 {
		return nil
	}
	return line{{", about " + about(d) + " left", l.Palette.Faint}}
}

// since counts whole seconds: tenths that race catch the eye for nothing.
func (l Look) since(t, now time.Time) span { return l.time(now.Sub(t).Truncate(time.Second)) }

func (l Look) time(d time.Duration) span { return span{"  " + short(d), l.Palette.Faint} }
