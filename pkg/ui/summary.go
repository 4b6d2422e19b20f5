package ui

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// summary is several steps seen as one.
type summary struct {
	state event.State
	// current is the step to name: the one that failed or else runs, if any.
	current *Step
	// nth is the place of current, from 1.
	nth int
	// began and ended span the steps that really ran.
	began, ended time.Time
	// touched tells whether any step was started or found done.
	touched bool
}

// sum gives the most urgent state that the steps are in. Between two steps, a group counts as running.
func sum(steps []*Step) summary {
	count := map[event.State]int{}
	var s summary
	for i, st := range steps {
		count[st.State]++
		if st.State == event.Failed && (s.current == nil || s.current.State != event.Failed) || st.State == event.Running && s.current == nil {
			s.current, s.nth = st, i+1
		}
		if st.Started.IsZero() {
			continue
		}
		if s.began.IsZero() || st.Started.Before(s.began) {
			s.began = st.Started
		}
		if st.Ended.After(s.ended) {
			s.ended = st.Ended
		}
	}
	finished := count[event.Done] + count[event.Already]
	s.touched = finished+count[event.Running]+count[event.Failed] > 0
	switch {
	case count[event.Failed] > 0:
		s.state = event.Failed
	case count[event.Running] > 0:
		s.state = event.Running
	case count[event.Skipped] > 0:
		s.state = event.Skipped
	case finished == 0:
		s.state = event.Pending
	case count[event.Pending] > 0:
		s.state = event.Running
	case count[event.Done] == 0:
		s.state = event.Already
	default:
		s.state = event.Done
	}
	return s
}
