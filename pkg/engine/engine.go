// Package engine walks a plan. It knows phases, groups and steps, but no kind of step.
package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/step"
)

// Engine runs plans.
type Engine struct {
	// New makes the action of a step.
	New func(plan.Step) (step.Action, error)
	// Retryable tells errors that pass by themselves, such as an API server that restarts.
	Retryable func(error) bool
	// Brief says one of these to who waits for it to pass.
	Brief func(error) string
	// Patience is how long retryable errors may follow one another before a step is given up.
	Patience time.Duration
	Sink     event.Sink
	// Stop, when closed, keeps further steps from starting; the running ones are finished.
	Stop <-chan struct{}
}

// Result is how one step went.
type Result struct {
	Step    plan.Step     `json:"-"`
	ID      string        `json:"id"`
	Node    string        `json:"node,omitempty"`
	State   event.State   `json:"state"`
	Started time.Time     `json:"started,omitzero"`
	Took    plan.Duration `json:"took,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// Outcome is how a run went.
type Outcome struct {
	// Changed is set once a step that changes something was started and not found done.
	Changed bool
	Steps   []Result
	// Stopped is set when Stop kept steps from starting.
	Stopped bool
	// Paused is the step of the plan that asked for a pause; empty when none did.
	Paused string
	// Err is the first failure, as a StepError; where the context ended between two steps, its cause.
	Err error
}

// StepError is a step that failed.
type StepError struct {
	Step plan.Step
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("step %s: %v", e.Step.ID, e.Err) }
func (e *StepError) Unwrap() error { return e.Err }

// Run walks the plan until its end, a failure or a stop.
func (e *Engine) Run(ctx context.Context, p *plan.Plan) Outcome {
	r := &run{Engine: e, results: map[string]*Result{}}
	started := time.Now()
	e.Sink.Emit(event.RunStarted{Time: started, Tree: Tree(p)})
	for _, ph := range p.Phases {
		r.phase(ctx, ph)
	}
	// What ended between two steps is no step's failure, and no success either.
	if r.err == nil && ctx.Err() != nil {
		r.err = context.Cause(ctx)
	}
	out := r.outcome(p)
	finished := event.RunFinished{Time: time.Now(), Took: time.Since(started)}
	if out.Err != nil {
		finished.Error = out.Err.Error()
	}
	e.Sink.Emit(finished)
	return out
}

// Tree gives the shape of a plan to the views.
func Tree(p *plan.Plan) event.Tree {
	t := event.Tree{Title: p.Title()}
	for _, ph := range p.Phases {
		ep := event.Phase{ID: ph.ID, Title: ph.Title, Hop: ph.Hop, Parallel: ph.Parallel}
		for _, g := range ph.Groups {
			eg := event.Group{ID: g.ID, Title: g.Title}
			for _, s := range g.Steps {
				eg.Steps = append(eg.Steps, event.Step{ID: s.ID, Title: s.Title})
			}
			ep.Groups = append(ep.Groups, eg)
		}
		t.Phases = append(t.Phases, ep)
	}
	return t
}

// run is the state of one walk.
type run struct {
	*Engine
	mu      sync.Mutex
	results map[string]*Result
	changed bool
	stopped bool
	paused  string
	// over keeps further groups from starting; those that run are finished, so that no node is left half done for another's failure.
	over bool
	err  error
}

func (r *run) phase(ctx context.Context, ph plan.Phase) {
	var g errgroup.Group
	g.SetLimit(max(1, ph.Parallel))
	// What is tolerated within a phase is not built upon by the next one.
	r.over = r.over || r.err != nil
	failures := 0
	for _, group := range ph.Groups {
		g.Go(func() error {
			if r.group(ctx, group) {
				return nil
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			failures++
			r.over = r.over || failures > ph.MaxFailures
			return nil
		})
	}
	_ = g.Wait() // the groups report through r
}

// group does the steps of a group until one fails; ok is false then.
func (r *run) group(ctx context.Context, g plan.Group) (ok bool) {
	r.mu.Lock()
	skip := r.over
	r.mu.Unlock()
	ok = true
	for _, s := range g.Steps {
		if skip || ctx.Err() != nil || r.stopping() {
			r.skip(s)
			continue
		}
		if !r.step(ctx, s) {
			ok, skip = false, true
		}
	}
	return ok
}

func (r *run) skip(s plan.Step) {
	r.keep(&Result{Step: s, ID: s.ID, Node: s.Node, State: event.Skipped})
	r.Sink.Emit(event.StepFinished{Time: time.Now(), ID: s.ID, State: event.Skipped})
}

func (r *run) keep(res *Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[res.ID] = res
}

// step does one step and tells whether the next one may follow.
func (r *run) step(ctx context.Context, s plan.Step) bool {
	res := &Result{Step: s, ID: s.ID, Node: s.Node, Started: time.Now()}
	r.Sink.Emit(event.StepStarted{Time: res.Started, ID: s.ID})
	state, err := r.do(ctx, s)
	pause := errors.Is(err, step.ErrPaused)
	if pause {
		state, err = event.Done, nil
	}
	res.State, res.Took = state, plan.Duration(time.Since(res.Started))
	if err != nil {
		res.Error = err.Error()
	}
	r.keep(res)
	r.mu.Lock()
	if pause {
		r.paused, r.over = s.ID, true
	}
	if err != nil && r.err == nil {
		r.err = &StepError{Step: s, Err: err}
	}
	r.mu.Unlock()
	r.Sink.Emit(event.StepFinished{Time: time.Now(), ID: s.ID, State: state, Took: time.Duration(res.Took), Error: res.Error})
	return err == nil && !pause
}

// stopping tells whether Stop was closed.
func (r *run) stopping() bool {
	select {
	case <-r.Stop:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stopped = true
		return true
	default:
		return false
	}
}

func (r *run) do(ctx context.Context, s plan.Step) (event.State, error) {
	action, err := r.New(s)
	if err != nil {
		return event.Failed, err
	}
	limit := time.Duration(s.Timeout)
	// The step's own time is for the work; the looks before it and the retries of the engine come on top.
	ctx, cancel := context.WithTimeoutCause(ctx, limit+r.Patience, fmt.Errorf("not done within %s", limit))
	defer cancel()
	report := step.Reporter{
		Log:     func(line string) { r.Sink.Emit(event.StepOutput{Time: time.Now(), ID: s.ID, Line: line}) },
		Waiting: func(what string) { r.Sink.Emit(event.StepWaiting{Time: time.Now(), ID: s.ID, For: what}) },
	}
	var done bool
	err = r.retry(ctx, report, func() (err error) {
		done, err = action.Done(ctx)
		return err
	})
	if err != nil {
		return event.Failed, err
	}
	if done {
		return event.Already, nil
	}
	if s.Changes {
		r.mu.Lock()
		r.changed = true
		r.mu.Unlock()
	}
	err = r.retry(ctx, report, func() error { return action.Do(ctx, report) })
	switch {
	case errors.Is(err, step.ErrAlready):
		return event.Already, nil
	case err != nil:
		return event.Failed, err
	}
	return event.Done, nil
}

// retry calls f again while its errors are of the passing kind.
func (r *run) retry(ctx context.Context, report step.Reporter, f func() error) error {
	const pause = time.Second
	var since time.Time
	for {
		began := time.Now()
		err := f()
		if err == nil {
			if !since.IsZero() {
				report.Waiting("")
			}
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, causeUnless(ctx, err))
		}
		if !r.Retryable(err) {
			return err
		}
		// A call that worked for a while before it failed begins a new series.
		if since.IsZero() || time.Since(began) > r.Patience {
			since = began
		}
		if time.Since(since) > r.Patience {
			return fmt.Errorf("%w (tried again for %s)", err, r.Patience)
		}
		report.Waiting("the API server: " + r.Brief(err))
		select {
		case <-ctx.Done():
			return errors.Join(err, causeUnless(ctx, err))
		case <-time.After(pause):
		}
	}
}

// causeUnless gives why the context ended, unless the error says so already.
func causeUnless(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return cause
	}
	return nil
}

func (r *run) outcome(p *plan.Plan) Outcome {
	out := Outcome{Changed: r.changed, Stopped: r.stopped, Paused: r.paused, Err: r.err}
	for s := range p.Steps() {
		if res, ok := r.results[s.ID]; ok {
			out.Steps = append(out.Steps, *res)
		}
	}
	return out
}
