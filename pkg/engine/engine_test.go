package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/step"
)

var errPassing = errors.New("apiserver restarts")

// action is a step whose doings a test decides.
type action struct {
	done func() (bool, error)
	do   func(ctx context.Context) error
}

func (a action) Done(context.Context) (bool, error) {
	if a.done == nil {
		return false, nil
	}
	return a.done()
}

func (a action) Do(ctx context.Context, _ step.Reporter) error {
	if a.do == nil {
		return nil
	}
	return a.do(ctx)
}

// bench runs plans with actions by step ID and remembers the order in which they were done.
type bench struct {
	mu      sync.Mutex
	order   []string
	actions map[string]action
}

func (b *bench) engine(stop <-chan struct{}) *Engine {
	return &Engine{
		New: func(s plan.Step) (step.Action, error) {
			a := b.actions[s.ID]
			do := a.do
			a.do = func(ctx context.Context) error {
				b.mu.Lock()
				b.order = append(b.order, s.ID)
				b.mu.Unlock()
				if do == nil {
					return nil
				}
				return do(ctx)
			}
			return a, nil
		},
		Retryable: func(err error) bool { return errors.Is(err, errPassing) },
		Brief:     error.Error,
		Patience:  time.Minute,
		Sink:      event.SinkFunc(func(event.Event) {}),
		Stop:      stop,
	}
}

func phase(id string, parallel int, groups ...string) plan.Phase {
	ph := plan.Phase{ID: id, Parallel: parallel}
	for _, g := range groups {
		pg := plan.Group{ID: g, Title: g}
		for _, s := range []string{"a", "b"} {
			pg.Steps = append(pg.Steps, plan.Step{ID: id + "/" + g + "/" + s, Node: g, Changes: true, Timeout: plan.Duration(time.Minute)})
		}
		ph.Groups = append(ph.Groups, pg)
	}
	return ph
}

func states(o Outcome) map[string]event.State {
	out := map[string]event.State{}
	for _, s := range o.Steps {
		out[s.ID] = s.State
	}
	return out
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x", "y"), phase("2", 1, "x")}})
		want := []string{"1/x/a", "1/x/b", "1/y/a", "1/y/b", "2/x/a", "2/x/b"}
		if o.Err != nil || !o.Changed || !slices.Equal(b.order, want) {
			t.Errorf("order %v, outcome %+v; want %v", b.order, o, want)
		}
	})
}

func TestParallelLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{actions: map[string]action{}}
		running, most := 0, 0
		var mu sync.Mutex
		for _, g := range []string{"v", "w", "x", "y", "z"} {
			b.actions["1/"+g+"/a"] = action{do: func(context.Context) error {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-time.After(time.Second)
				mu.Lock()
				running--
				mu.Unlock()
				return nil
			}}
		}
		b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 3, "v", "w", "x", "y", "z")}})
		if most != 3 {
			t.Errorf("%d groups at once, want 3", most)
		}
	})
}

func TestDoneStepsAreNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yes := action{done: func() (bool, error) { return true, nil }}
		b := &bench{actions: map[string]action{"1/x/a": yes, "1/x/b": yes}}
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x")}})
		if len(b.order) > 0 || o.Changed || states(o)["1/x/a"] != event.Already {
			t.Errorf("done %v, outcome %+v; want nothing done", b.order, o)
		}
	})
}

func TestFailureSkipsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{actions: map[string]action{"1/x/b": {do: func(context.Context) error { return errors.New("disk full") }}}}
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x", "y"), phase("2", 1, "x")}})
		got := states(o)
		if got["1/x/a"] != event.Done || got["1/x/b"] != event.Failed || got["1/y/a"] != event.Skipped || got["2/x/b"] != event.Skipped {
			t.Errorf("states %v", got)
		}
		failed, ok := errors.AsType[*StepError](o.Err)
		if !ok || failed.Step.ID != "1/x/b" || !strings.Contains(o.Err.Error(), "disk full") {
			t.Errorf("error %v does not name step and cause", o.Err)
		}
	})
}

func TestPassingErrorsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := 5
		b := &bench{actions: map[string]action{"1/x/a": {do: func(context.Context) error {
			if left--; left > 0 {
				return errPassing
			}
			return nil
		}}}}
		if o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x")}}); o.Err != nil {
			t.Errorf("outcome %v; want the step to succeed at the fifth try", o.Err)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{actions: map[string]action{"1/x/a": {do: func(context.Context) error { return errPassing }}}}
		start := time.Now()
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x")}})
		if took := time.Since(start); !errors.Is(o.Err, errPassing) || took < time.Minute || took > 2*time.Minute {
			t.Errorf("given up after %s with %v; want a minute and the error", took, o.Err)
		}
	})
}

func TestTimeoutSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{actions: map[string]action{"1/x/a": {do: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}}}
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x")}})
		if o.Err == nil || !strings.Contains(o.Err.Error(), "not done within 1m0s") {
			t.Errorf("error %v does not name the time", o.Err)
		}
	})
}

// TestStop: the running step is finished, and no other is started.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		b := &bench{actions: map[string]action{"1/x/a": {do: func(context.Context) error {
			close(stop)
			<-time.After(time.Second)
			return nil
		}}}}
		o := b.engine(stop).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x", "y")}})
		got := states(o)
		if !o.Stopped || o.Err != nil || got["1/x/a"] != event.Done || got["1/x/b"] != event.Skipped || got["1/y/a"] != event.Skipped {
			t.Errorf("outcome %+v", o)
		}
	})
}
