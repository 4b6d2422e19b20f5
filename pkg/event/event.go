// Package event is what a run says while it goes on: one stream of typed values that every view consumes.
// It imports nothing of this project.
package event

import "time"

// Event is one thing that happened. The concrete types below are all there are.
type Event interface{ event() }

// Sink takes events. Implementations must be safe for concurrent use and must not block for long.
type Sink interface{ Emit(Event) }

// SinkFunc makes a Sink of a function.
type SinkFunc func(Event)

// Emit implements Sink.
func (f SinkFunc) Emit(e Event) { f(e) }

// Tee gives every event to each sink in turn.
func Tee(sinks ...Sink) Sink {
	return SinkFunc(func(e Event) {
		for _, s := range sinks {
			s.Emit(e)
		}
	})
}

// State is where a step stands.
type State string

// The states of a step.
const (
	Pending State = "pending"
	Running State = "running"
	Done    State = "done"
	// Already means that a look at the cluster found nothing left to do.
	Already State = "already done"
	Failed  State = "failed"
	// Skipped means that an earlier failure or an interrupt kept the step from starting.
	Skipped State = "skipped"
)

// Tree is the shape of a run: phases, in them groups (one per node, or one for the cluster), in them steps.
type Tree struct {
	Title  string  `json:"title"`
	Phases []Phase `json:"phases"`
}

// Phase is a part of a run whose groups may go side by side.
type Phase struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Hop is the release that the phase leads to; empty for what belongs to none.
	Hop string `json:"hop,omitempty"`
	// Parallel is how many groups go side by side; less than one counts as one.
	Parallel int     `json:"parallel,omitempty"`
	Groups   []Group `json:"groups"`
}

// Group is a sequence of steps, usually those of one node.
type Group struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Steps []Step `json:"steps"`
}

// Step names one step.
type Step struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Notice is something to say outside any step: observing, waiting for an agent, a warning.
type Notice struct {
	Time    time.Time
	Warning bool
	Text    string
}

// Waiting is what is being waited for outside any step, by name; an empty For ends the wait.
type Waiting struct {
	Time time.Time
	For  string
}

// RunStarted opens a run.
type RunStarted struct {
	Time time.Time
	Tree Tree
}

// StepStarted says that a step began.
type StepStarted struct {
	Time time.Time
	ID   string
}

// StepWaiting says what a running step waits for now, by name; an empty For means that it works again.
type StepWaiting struct {
	Time time.Time
	ID   string
	For  string
}

// StepOutput is one line that a host command of the step wrote.
type StepOutput struct {
	Time time.Time
	ID   string
	Line string
}

// StepFinished says how a step ended.
type StepFinished struct {
	Time  time.Time
	ID    string
	State State
	Took  time.Duration
	// Error is set for Failed.
	Error string
}

// ProbeGap says that the API endpoint did not answer for a while.
type ProbeGap struct {
	Start, End time.Time
	// Steps are the IDs of the steps that were running meanwhile.
	Steps []string
	Error string
}

// RunFinished closes a run.
type RunFinished struct {
	Time  time.Time
	Took  time.Duration
	Error string
}

func (Notice) event()       {}
func (Waiting) event()      {}
func (RunStarted) event()   {}
func (StepStarted) event()  {}
func (StepWaiting) event()  {}
func (StepOutput) event()   {}
func (StepFinished) event() {}
func (ProbeGap) event()     {}
func (RunFinished) event()  {}
