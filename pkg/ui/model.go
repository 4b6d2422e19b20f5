package ui

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// evidence is how many of the last lines of a step are kept, to be shown if it fails.
const evidence = 20

// Model is what is known of a run: the events, folded. It is not safe for concurrent use.
type Model struct {
	Tree    event.Tree
	Started time.Time
	// Ended is zero while the run goes on.
	Ended time.Time
	Took  time.Duration
	Error string
	// Waiting is what is waited for outside any step.
	Waiting Wait

	steps map[string]*Step
}

// Wait is something that is waited for.
type Wait struct {
	For   string
	Since time.Time
}

// Step is where a step stands.
type Step struct {
	event.Step
	State          event.State
	Started, Ended time.Time
	Took           time.Duration
	Waiting        Wait
	Error          string
	// Output is the last of what its host commands wrote.
	Output []string
}

// Apply folds an event into the model and tells whether there is something new to show.
func (m *Model) Apply(e event.Event) bool {
	switch e := e.(type) {
	case event.Waiting:
		return m.Waiting.set(e.For, e.Time)
	case event.RunStarted:
		*m = Model{Tree: e.Tree, Started: e.Time}
		for _, p := range e.Tree.Phases {
			for _, g := range p.Groups {
				for _, s := range g.Steps {
					m.step(s.ID).Step = s
				}
			}
		}
	case event.StepStarted:
		s := m.step(e.ID)
		s.State, s.Started = event.Running, e.Time
	case event.StepWaiting:
		return m.step(e.ID).Waiting.set(e.For, e.Time)
	case event.StepOutput:
		s := m.step(e.ID)
		s.Output = append(s.Output, e.Line)
		if n := len(s.Output) - evidence; n > 0 {
			s.Output = append(s.Output[:0], s.Output[n:]...)
		}
	case event.StepFinished:
		s := m.step(e.ID)
		s.State, s.Ended, s.Took, s.Error, s.Waiting = e.State, e.Time, e.Took, e.Error, Wait{}
	case event.RunFinished:
		m.Ended, m.Took, m.Error = e.Time, e.Took, e.Error
	}
	return true
}

func (w *Wait) set(what string, now time.Time) bool {
	if w.For == what {
		return false
	}
	*w = Wait{For: what, Since: now}
	return true
}

// step finds a step. One that the tree does not have is made, so that nothing that is said of it gets lost.
func (m *Model) step(id string) *Step {
	if s, ok := m.steps[id]; ok {
		return s
	}
	if m.steps == nil {
		m.steps = map[string]*Step{}
	}
	s := &Step{Step: event.Step{ID: id, Title: id}, State: event.Pending}
	m.steps[id] = s
	return s
}

// of gives the steps of a group, in order.
func (m *Model) of(g event.Group) []*Step {
	out := make([]*Step, 0, len(g.Steps))
	for _, s := range g.Steps {
		out = append(out, m.step(s.ID))
	}
	return out
}

// all gives the steps of the tree, in order.
func (m *Model) all() []*Step {
	var out []*Step
	for _, p := range m.Tree.Phases {
		out = append(out, m.ofPhase(p)...)
	}
	return out
}

func (m *Model) ofPhase(p event.Phase) []*Step {
	var out []*Step
	for _, g := range p.Groups {
		out = append(out, m.of(g)...)
	}
	return out
}
