package ui

import (
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// many is how many neighbours that look the same share one line.
const many = 6

// groups draws the nodes of a phase that is worked on.
func (d drawing) groups(p event.Phase, depth int) []row {
	var out []row
	next := true
	for from := 0; from < len(p.Groups); {
		same := d.alike(p.Groups[from:])
		rows := d.group(p, p.Groups[from:from+same], depth)
		if rows[0].rank == farGroup && next {
			rows[0].rank, next = nextGroup, false
		}
		out = append(out, rows...)
		from += same
	}
	return out
}

// alike is how many nodes from the first on are drawn as one.
func (d drawing) alike(groups []event.Group) int {
	look := d.looks(groups[0])
	if look == "" {
		return 1
	}
	n := 1
	for n < len(groups) && d.looks(groups[n]) == look {
		n++
	}
	if n < many {
		return 1
	}
	return n
}

// looks is what a node shows besides its name and its time; empty for one that has to be seen by itself: it failed or waits.
func (d drawing) looks(g event.Group) string {
	s := sum(d.of(g))
	switch {
	case s.current == nil:
		return string(s.state)
	case s.current.State == event.Failed || s.current.Waiting.For != "":
		return ""
	}
	return fmt.Sprintf("%s %d %s", s.state, s.nth, s.current.Title)
}

// group draws a node, or several that look the same: the step while it is worked on, and below what that waits for, or why it failed.
func (d drawing) group(p event.Phase, same []event.Group, depth int) []row {
	var steps []*Step
	for _, g := range same {
		steps = append(steps, d.of(g)...)
	}
	s := sum(steps)
	out := row{depth: depth, state: s.state, count: len(same), line: line{d.mark(s.state, d.now), {text: " " + together(same)}}}
	switch {
	case s.current != nil:
		return d.working(p, same, s, out)
	case s.state == event.Pending, s.state == event.Skipped && !s.touched:
		out.rank = farGroup
	case s.state == event.Running:
		out.rank = aliveGroup
	default:
		out.rank = doneGroup
		out.line = append(out.line, d.ending(s, d.now)...)
	}
	return []row{out}
}

// together names the nodes of a line.
func together(same []event.Group) string {
	if len(same) == 1 {
		return clean(same[0].Title)
	}
	return fmt.Sprintf("%s, %s and %d more", clean(same[0].Title), clean(same[1].Title), len(same)-2)
}

// working draws a node whose step runs or has failed.
func (d drawing) working(p event.Phase, same []event.Group, s summary, head row) []row {
	c := s.current
	place := span{fmt.Sprintf("  %d/%d", s.nth, len(same[0].Steps)), d.Palette.Faint}
	head.rank = aliveGroup
	if c.State == event.Failed {
		head.rank = fixed
	}
	if d.steps && len(same) == 1 {
		head.line = append(head.line, place, d.since(s.began, d.now))
		if s.state == event.Running {
			head.line = append(head.line, d.left(d.estimate.group(d.Model, p, same[0], d.now))...)
		}
		return append([]row{head}, d.each(same[0], head.depth+1)...)
	}
	head.line = append(head.line, span{text: "  " + clean(c.Title)}, place, d.took(c))
	return append([]row{head}, d.beneath(c, head.depth+2)...)
}

// each draws every step of a node.
func (d drawing) each(g event.Group, depth int) []row {
	var out []row
	for _, s := range d.of(g) {
		r := row{depth: depth, rank: detail, state: s.State, line: line{d.mark(s.State, d.now), {text: " " + clean(s.Title)}}}
		switch s.State {
		case event.Already:
			r.line = append(r.line, span{"  already done", d.Palette.Faint})
		case event.Done, event.Running, event.Failed:
			r.line = append(r.line, d.took(s))
		}
		out = append(append(out, r), d.beneath(s, depth+2)...)
	}
	return out
}

// took says for how long a step runs, or how long it took.
func (d drawing) took(s *Step) span {
	switch s.State {
	case event.Failed:
		return span{"  failed after " + short(s.Took), d.Palette.Failed}
	case event.Running:
		return d.since(s.Started, d.now)
	}
	return d.time(s.Took)
}

// Long texts are broken into rows, and after so many of them cut.
const mostRows = 3

// beneath draws what a step waits for, or why it failed.
func (d drawing) beneath(s *Step, depth int) []row {
	var text, style string
	var end line
	r := row{depth: depth}
	switch {
	case s.State == event.Failed && s.Error != "":
		text, style, r.rank = s.Error, d.Palette.Failed, fixed
	case s.State == event.Running && s.Waiting.For != "":
		text, style, r.rank = "waiting for "+s.Waiting.For, d.Palette.Warning, detail
		end = line{d.since(s.Waiting.Since, d.now)}
	default:
		return nil
	}
	var out []row
	room := min(narrow, d.width-1) - 2*depth
	for _, part := range end {
		room -= len(part.text)
	}
	parts := broken(clean(text), room)
	for i, part := range parts {
		part, _ = d.render(line{{text: part}}, max(1, room))
		r.line = line{{part, style}}
		if i == len(parts)-1 {
			r.line = append(r.line, end...)
		}
		out = append(out, r)
	}
	return out
}

// broken breaks a text at its spaces into lines of a width. The last of the lines has the whole rest.
func broken(text string, width int) []string {
	var out []string
	for len(out) < mostRows-1 {
		used, space := 0, -1
		cut := len(text)
		for i, r := range text {
			if r == ' ' { // it needs no room at the end of a line
				space = i
			}
			if used += cells(r); used > width {
				cut = i
				break
			}
		}
		if cut == len(text) || space <= 0 {
			break
		}
		out, text = append(out, text[:space]), text[space+1:]
	}
	return append(out, text)
}
