package record

import (
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// State is where a run stands.
type State string

// The states of a run. One that was killed stays running; its lock tells that nobody runs it.
const (
	Running     State = "running"
	Failed      State = "failed"
	Paused      State = "paused"
	Interrupted State = "interrupted"
	// Done is in local journals only: nothing is left in a cluster whose upgrade is done.
	Done State = "done"
	// GivenUp is in local journals only, too.
	GivenUp State = "given up"
)

// Run is what is known of one run of a plan.
type Run struct {
	// ID names the run and its directory on the operator's machine.
	ID         string `json:"id"`
	ClusterUID string `json:"clusterUID"`
	// Kind is that of the plan; empty in records of releases that knew one kind only.
	Kind   string `json:"kind,omitempty"`
	Holder string `json:"holder"`
	// Command is what to type to go on.
	Command string          `json:"command"`
	From    version.Version `json:"from,omitzero"`
	To      version.Version `json:"to,omitzero"`
	// Digest is that of the plan.
	Digest  string    `json:"digest"`
	Started time.Time `json:"started"`
	Updated time.Time `json:"updated"`
	State   State     `json:"state"`
	// Error is why the run did not reach its end.
	Error string `json:"error,omitempty"`
	// Plan is nil where LeftOut says why.
	Plan *plan.Plan `json:"plan,omitempty"`
	// LeftOut says what the cluster's record had no room for.
	LeftOut string `json:"leftOut,omitempty"`
	// Steps are those that run now.
	Steps []Step `json:"steps,omitempty"`
	// Journal has an entry for every step that was finished.
	Journal []Entry `json:"journal,omitempty"`
}

// Of is the kind of upgrade that the run is of.
func (r *Run) Of() string {
	if r.Kind == "" {
		return plan.UpgradeKind
	}
	return r.Kind
}

// Step is a step that runs.
type Step struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	// Waiting is what it waits for, by name, and Since from when on.
	Waiting string    `json:"waiting,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// Entry is how a step ended.
type Entry struct {
	ID      string        `json:"id"`
	State   event.State   `json:"state"`
	Started time.Time     `json:"started"`
	Took    plan.Duration `json:"took"`
	Error   string        `json:"error,omitempty"`
}

// ended is when the step ended.
func (e Entry) ended() time.Time { return e.Started.Add(time.Duration(e.Took)) }

// apply folds an event into the run and tells whether that changed it.
func (r *Run) apply(e event.Event) bool {
	var now time.Time
	switch e := e.(type) {
	case event.StepStarted:
		now = e.Time
		r.Steps = append(r.Steps, Step{ID: e.ID, Started: e.Time})
	case event.StepWaiting:
		i := r.step(e.ID)
		if i < 0 || r.Steps[i].Waiting == e.For {
			return false
		}
		now = e.Time
		r.Steps[i].Waiting, r.Steps[i].Since = e.For, e.Time
		if e.For == "" {
			r.Steps[i].Since = time.Time{}
		}
	case event.StepFinished:
		if e.State == event.Skipped { // it is as pending as before
			return false
		}
		now = e.Time
		if i := r.step(e.ID); i >= 0 {
			r.Steps = slices.Delete(r.Steps, i, i+1)
		}
		r.Journal = append(r.Journal, Entry{ID: e.ID, State: e.State, Started: e.Time.Add(-e.Took), Took: plan.Duration(e.Took), Error: e.Error})
	default:
		return false
	}
	if now.After(r.Updated) {
		r.Updated = now
	}
	return true
}

func (r *Run) step(id string) int {
	return slices.IndexFunc(r.Steps, func(s Step) bool { return s.ID == id })
}

// clone makes a copy that further events do not change.
func (r *Run) clone() Run {
	out := *r
	out.Steps, out.Journal = slices.Clone(r.Steps), slices.Clone(r.Journal)
	return out
}
