package probe

import (
	"slices"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

func at(s int) time.Time { return time.Unix(1_800_000_000+int64(s), 0) }

func TestAttribute(t *testing.T) {
	steps := []Interval{
		{"before", at(0), at(10)},
		{"over the start", at(5), at(11)},
		{"inside", at(12), at(13)},
		{"around", at(0), at(100)},
		{"over the end", at(19), at(30)},
		{"after", at(20), at(30)},
		{"still running", at(15), time.Time{}},
	}
	gaps := []Gap{{Start: at(10), End: at(20), Steps: []string{"stale"}}, {Start: at(200), End: at(201)}}
	got := Attribute(gaps, steps)
	if want := []string{"over the start", "inside", "around", "over the end", "still running"}; !slices.Equal(got[0].Steps, want) {
		t.Errorf("first gap: %q, want %q", got[0].Steps, want)
	}
	if want := []string{"still running"}; !slices.Equal(got[1].Steps, want) {
		t.Errorf("second gap: %q, want %q", got[1].Steps, want)
	}
	if !slices.Equal(gaps[0].Steps, []string{"stale"}) {
		t.Error("the argument was changed")
	}
}

func TestSteps(t *testing.T) {
	var s Steps
	for _, e := range []event.Event{
		event.StepStarted{Time: at(0), ID: "a"},
		event.StepStarted{Time: at(1), ID: "b"},
		event.StepFinished{Time: at(2), ID: "a"},
		event.StepFinished{Time: at(3), ID: "never started"},
		event.StepStarted{Time: at(4), ID: "a"},
	} {
		s.Emit(e)
	}
	want := []Interval{{"a", at(0), at(2)}, {"b", at(1), time.Time{}}, {"a", at(4), time.Time{}}}
	if got := s.Intervals(); !slices.Equal(got, want) {
		t.Errorf("intervals %v, want %v", got, want)
	}
}
