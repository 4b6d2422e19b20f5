package probe

import (
	"slices"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// Interval is the time in which a step ran. A zero End means that it still does.
type Interval struct {
	ID         string
	Start, End time.Time
}

// Attribute returns the gaps with the steps that ran during each, in the order of steps. It changes neither argument.
func Attribute(gaps []Gap, steps []Interval) []Gap {
	out := slices.Clone(gaps)
	for i := range out {
		out[i].Steps = nil
		for _, s := range steps {
			if s.Start.Before(out[i].End) && (s.End.IsZero() || s.End.After(out[i].Start)) {
				out[i].Steps = append(out[i].Steps, s.ID)
			}
		}
	}
	return out
}

// Steps is an event.Sink that remembers when each step ran, for Attribute. The zero value is ready.
type Steps struct {
	mu        sync.Mutex
	intervals []Interval
}

// Emit implements event.Sink.
func (s *Steps) Emit(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case event.StepStarted:
		s.intervals = append(s.intervals, Interval{ID: e.ID, Start: e.Time})
	case event.StepFinished:
		for i, v := range slices.Backward(s.intervals) {
			if v.ID == e.ID && v.End.IsZero() {
				s.intervals[i].End = e.Time
				return
			}
		}
	}
}

// Intervals gives the steps so far, in the order of their starts.
func (s *Steps) Intervals() []Interval {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.intervals)
}
