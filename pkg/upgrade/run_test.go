package upgrade

import (
	"context"
	"errors"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// TestWhatARunLeavesBehind: the record of an upgrade that was begun stays until that is at its end, whoever has tried in between.
func TestWhatARunLeavesBehind(t *testing.T) {
	failure := errors.New("no")
	tests := []struct {
		name   string
		out    engine.Outcome
		goesOn bool
		want   record.State
	}{
		{"done", engine.Outcome{Changed: true}, false, record.Done},
		{"failed before a change", engine.Outcome{Err: failure}, false, record.Done},
		{"failed after a change", engine.Outcome{Changed: true, Err: failure}, false, record.Failed},
		{"goes on, failed before a change of its own", engine.Outcome{Err: failure}, true, record.Failed},
		{"goes on, interrupted before a change of its own", engine.Outcome{Stopped: true}, true, record.Interrupted},
		{"goes on, stopped at once before a change of its own", engine.Outcome{Err: context.Canceled}, true, record.Interrupted},
		{"goes on, paused before a change of its own", engine.Outcome{Paused: "pause"}, true, record.Paused},
		{"goes on, and nothing was left to change", engine.Outcome{}, true, record.Done},
	}
	for _, tt := range tests {
		if got, why := left(tt.out, tt.goesOn); got != tt.want || !errors.Is(why, tt.out.Err) {
			t.Errorf("%s: left %q, %v; want %q, %v", tt.name, got, why, tt.want, tt.out.Err)
		}
	}
}
