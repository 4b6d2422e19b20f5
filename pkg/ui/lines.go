package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// narrator puts events into lines that stay: all of them for a plain view, the ones that matter later for a tree.
type narrator struct {
	palette Palette
	verbose bool
}

// everything tells an event that was just applied to the model.
func (n narrator) everything(m *Model, e event.Event) []line {
	switch e := e.(type) {
	case event.Waiting:
		if e.For != "" {
			return n.at(e.Time, span{text: "waiting for " + clean(e.For)})
		}
	case event.RunStarted:
		return n.at(e.Time, span{text: fmt.Sprintf("%s: %d steps", clean(e.Tree.Title), len(m.all()))})
	case event.StepStarted:
		return n.step(e.Time, e.ID, span{text: "started"})
	case event.StepWaiting:
		if e.For != "" {
			return n.step(e.Time, e.ID, span{text: "waiting for " + clean(e.For)})
		}
	case event.StepOutput:
		if n.verbose {
			return n.step(e.Time, e.ID, span{text: "| " + clean(e.Line)})
		}
	case event.StepFinished:
		switch e.State {
		case event.Done:
			return n.step(e.Time, e.ID, span{"done in " + short(e.Took), n.palette.Done})
		case event.Already:
			return n.step(e.Time, e.ID, span{"already done", n.palette.Done})
		}
	case event.RunFinished:
		return n.end(m, e)
	}
	return n.lasting(m, e)
}

// lasting tells what a tree cannot show, or shows too short.
func (n narrator) lasting(m *Model, e event.Event) []line {
	switch e := e.(type) {
	case event.Notice:
		if e.Warning {
			return n.at(e.Time, span{"warning: " + clean(e.Text), n.palette.Warning})
		}
		return n.at(e.Time, span{text: clean(e.Text)})
	case event.ProbeGap:
		text := "API endpoint did not answer for " + e.End.Sub(e.Start).Round(10*time.Millisecond).String()
		if len(e.Steps) > 0 {
			text += " during " + clean(strings.Join(e.Steps, ", "))
		}
		if e.Error != "" {
			text += ": " + clean(e.Error)
		}
		return n.at(e.End, span{text, n.palette.Warning})
	case event.StepFinished:
		if e.State == event.Failed {
			return n.failure(m.step(e.ID))
		}
	}
	return nil
}

// failure tells the error, and below it the last output of the step's host commands as evidence.
func (n narrator) failure(s *Step) []line {
	text := "failed after " + short(s.Took)
	if s.Error != "" {
		text += ": "
	}
	first, more, _ := strings.Cut(s.Error, "\n")
	out := n.step(s.Ended, s.ID, span{text + clean(first), n.palette.Failed})
	if more != "" {
		for _, l := range strings.Split(strings.TrimRight(more, "\n"), "\n") {
			out = append(out, line{{"    " + clean(l), n.palette.Failed}})
		}
	}
	if n.verbose { // it has been printed
		return out
	}
	for _, l := range s.Output {
		out = append(out, line{{text: "    | " + clean(l)}})
	}
	return out
}

// end tells how the run ended, and counts the steps that an early end kept from starting.
func (n narrator) end(m *Model, e event.RunFinished) []line {
	skipped := 0
	for _, s := range m.all() {
		if s.State == event.Skipped {
			skipped++
		}
	}
	text := span{"done in " + short(e.Took), n.palette.Done}
	if e.Error != "" {
		first, _, _ := strings.Cut(e.Error, "\n")
		text = span{"stopped after " + short(e.Took) + ": " + clean(first), n.palette.Failed}
	}
	if skipped > 0 {
		text.text += fmt.Sprintf(" (steps not started: %d)", skipped)
	}
	return n.at(e.Time, text)
}

// heartbeat names what goes on, or is nil when nothing does.
func (n narrator) heartbeat(m *Model, now time.Time) []line {
	var parts []string
	for _, s := range m.all() {
		if s.State != event.Running {
			continue
		}
		part := clean(s.ID) + " (" + short(now.Sub(s.Started))
		if w := s.Waiting; w.For != "" {
			part += ", waiting for " + clean(w.For) + " " + short(now.Sub(w.Since))
		}
		parts = append(parts, part+")")
	}
	if w := m.Waiting; w.For != "" {
		parts = append(parts, "waiting for "+clean(w.For)+" ("+short(now.Sub(w.Since))+")")
	}
	if len(parts) == 0 {
		return nil
	}
	return n.at(now, span{text: "still going on: " + strings.Join(parts, "; ")})
}

func (n narrator) step(t time.Time, id string, s span) []line {
	return n.at(t, span{text: clean(id) + ": "}, s)
}

func (n narrator) at(t time.Time, s ...span) []line {
	return []line{append(line{{t.Local().Format(time.TimeOnly) + " ", n.palette.Faint}}, s...)}
}
