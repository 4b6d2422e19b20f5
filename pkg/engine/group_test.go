package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/step"
)

// TestFailureLetsNeighboursFinish: a node that was begun is not left half done because another one failed.
func TestFailureLetsNeighboursFinish(t *testing.T) {
	tests := map[string]struct {
		maxFailures int
		want        map[string]event.State
	}{
		"no failure is tolerated": {0, map[string]event.State{"1/w/a": event.Failed, "1/w/b": event.Skipped, "1/x/b": event.Done, "1/y/a": event.Skipped, "1/z/b": event.Skipped, "2/x/a": event.Skipped}},
		"one failure is":          {1, map[string]event.State{"1/w/a": event.Failed, "1/w/b": event.Skipped, "1/x/b": event.Done, "1/y/b": event.Done, "1/z/b": event.Done, "2/x/a": event.Skipped}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bench{actions: map[string]action{
					// It fails when its neighbour has begun, and before that one ends.
					"1/w/a": {do: func(context.Context) error { <-time.After(time.Second); return errors.New("broken node") }},
					"1/x/a": {do: func(context.Context) error { <-time.After(2 * time.Second); return nil }},
				}}
				ph := phase("1", 2, "w", "x", "y", "z")
				ph.MaxFailures = tt.maxFailures
				o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{ph, phase("2", 1, "x")}})
				got := states(o)
				for id, want := range tt.want {
					if got[id] != want {
						t.Errorf("step %s is %q, want %q", id, got[id], want)
					}
				}
				if o.Err == nil {
					t.Error("the run says that it went well")
				}
			})
		})
	}
}

func TestPauseStopsWithoutFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{actions: map[string]action{"1/x/b": {do: func(context.Context) error { return step.ErrPaused }}}}
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x"), phase("2", 1, "x")}})
		if got := states(o); o.Err != nil || o.Paused != "1/x/b" || got["1/x/b"] != event.Done || got["2/x/a"] != event.Skipped {
			t.Errorf("outcome %+v", o)
		}
	})
}

// TestAStepFindsOutThatNothingIsLeft: it is neither a failure nor work that was done.
func TestAStepFindsOutThatNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{actions: map[string]action{"1/x/a": {do: func(context.Context) error { return step.ErrAlready }}}}
		o := b.engine(nil).Run(t.Context(), &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x")}})
		if got := states(o); o.Err != nil || got["1/x/a"] != event.Already || got["1/x/b"] != event.Done {
			t.Errorf("outcome %+v", o)
		}
	})
}

// TestEndBetweenSteps: that no step failed does not make it a success.
func TestEndBetweenSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("lock lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		b := &bench{actions: map[string]action{"1/x/a": {do: func(context.Context) error { cancel(lost); return nil }}}}
		o := b.engine(nil).Run(ctx, &plan.Plan{Phases: []plan.Phase{phase("1", 1, "x")}})
		if got := states(o); !errors.Is(o.Err, lost) || got["1/x/a"] != event.Done || got["1/x/b"] != event.Skipped {
			t.Errorf("outcome %+v", o)
		}
	})
}
