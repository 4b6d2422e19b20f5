package ui

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// plainly runs f with a plain view in a bubble and returns what was written, without the times.
func plainly(t *testing.T, verbose bool, f func(v *Plain)) string {
	t.Helper()
	var b strings.Builder
	synctest.Test(t, func(*testing.T) {
		v := NewPlain(&b, verbose)
		f(v)
		v.Close()
		v.Close()
	})
	var out strings.Builder
	for l := range strings.Lines(b.String()) {
		if !strings.HasPrefix(l, " ") {
			_, l, _ = strings.Cut(l, " ")
		}
		out.WriteString(l)
	}
	return out.String()
}

func TestPlain(t *testing.T) {
	got := plainly(t, false, func(v *Plain) {
		v.Emit(event.Notice{Time: time.Now(), Text: "look at 3 hosts"})
		v.Emit(event.Notice{Time: time.Now(), Warning: true, Text: "v1 is \x1b[31mdeprecated\x1b[0m"})
		v.Emit(event.Waiting{Time: time.Now(), For: "agent on w-1"})
		v.Emit(event.Waiting{Time: time.Now(), For: "agent on w-1"})
		v.Emit(event.Waiting{Time: time.Now()})
		s := newScript(tree(1)).begin("prepare/cp-1/packages")
		for range 3 {
			s.waiting("prepare/cp-1/packages", "apt's lock")
		}
		s.waiting("prepare/cp-1/packages", "").wait(41*time.Second).end("prepare/cp-1/packages", event.Done, 41*time.Second, "")
		s.begin("prepare/cp-1/images").end("prepare/cp-1/images", event.Already, 0, "")
		s.emit(event.ProbeGap{Start: s.now, End: s.now.Add(2100 * time.Millisecond), Steps: []string{"a", "b"}, Error: "EOF"})
		s.begin("finish/verify").wait(3*time.Second).end("finish/verify", event.Failed, 3*time.Second, "2 nodes differ:\ncp-1\nw-1")
		s.end("nodes/w-1/drain", event.Skipped, 0, "")
		s.emit(event.RunFinished{Time: s.now, Took: 44 * time.Second, Error: "step finish/verify: 2 nodes differ:\ncp-1"})
		for _, e := range s.events {
			v.Emit(e)
		}
	})
	want := `look at 3 hosts
warning: v1 is ^[[31mdeprecated^[[0m
waiting for agent on w-1
Upgrade v1.33.1 to v1.34.2: 12 steps
prepare/cp-1/packages: started
prepare/cp-1/packages: waiting for apt's lock
prepare/cp-1/packages: done in 41s
prepare/cp-1/images: started
prepare/cp-1/images: already done
API endpoint did not answer for 2.1s during a, b: EOF
finish/verify: started
finish/verify: failed after 3s: 2 nodes differ:
    cp-1
    w-1
stopped after 44s: step finish/verify: 2 nodes differ: (steps not started: 1)
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestPlainShowsTheEndOfAFailedStepsOutput(t *testing.T) {
	emit := func(v *Plain) {
		v.Emit(event.StepStarted{Time: time.Now(), ID: "x"})
		for i := range 50 {
			v.Emit(event.StepOutput{Time: time.Now(), ID: "x", Line: fmt.Sprintf("line %d", i)})
		}
		v.Emit(event.StepFinished{Time: time.Now(), ID: "x", State: event.Failed, Took: time.Second, Error: "exit status 1"})
	}
	got := plainly(t, false, emit)
	if n := strings.Count(got, "\n    | line "); n != 20 || strings.Contains(got, "line 29\n") || !strings.HasSuffix(got, "| line 49\n") {
		t.Errorf("want the last 20 lines of 50, got %d:\n%s", n, got)
	}
	got = plainly(t, true, emit)
	if n := strings.Count(got, "line "); n != 50 {
		t.Errorf("verbose: want each line once, got %d:\n%s", n, got)
	}
}

func TestPlainHeartbeat(t *testing.T) {
	got := plainly(t, false, func(v *Plain) {
		time.Sleep(45 * time.Second) // nothing goes on: nothing to say
		v.Emit(event.RunStarted{Time: time.Now(), Tree: tree(1)})
		v.Emit(event.StepStarted{Time: time.Now(), ID: "prepare/cp-1/images"})
		v.Emit(event.StepStarted{Time: time.Now(), ID: "prepare/w-1/images"})
		v.Emit(event.StepWaiting{Time: time.Now(), ID: "prepare/w-1/images", For: "the registry"})
		time.Sleep(31 * time.Second)
		v.Pause(func() { time.Sleep(time.Minute) })
		v.Emit(event.StepFinished{Time: time.Now(), ID: "prepare/cp-1/images", State: event.Done})
		v.Emit(event.StepFinished{Time: time.Now(), ID: "prepare/w-1/images", State: event.Done})
		v.Emit(event.Waiting{Time: time.Now(), For: "agents to end"})
		time.Sleep(29 * time.Second)
	})
	var beats []string
	for l := range strings.Lines(got) {
		if s, ok := strings.CutPrefix(l, "still going on: "); ok {
			beats = append(beats, strings.TrimSpace(s))
		}
	}
	want := []string{
		"prepare/cp-1/images (15s); prepare/w-1/images (15s, waiting for the registry 15s)",
		"waiting for agents to end (14s)",
	}
	if fmt.Sprint(beats) != fmt.Sprint(want) {
		t.Errorf("heartbeats:\n%q\nwant:\n%q", beats, want)
	}
}

func TestPlainKeepsEventsWhilePaused(t *testing.T) {
	got := plainly(t, false, func(v *Plain) {
		v.Pause(func() {
			v.Emit(event.Notice{Time: time.Now(), Text: "one"})
			v.Emit(event.Notice{Time: time.Now(), Text: "two"})
			if !v.mu.TryLock() {
				t.Error("Emit would block during a pause")
				return
			}
			v.mu.Unlock()
		})
	})
	if got != "one\ntwo\n" {
		t.Errorf("got %q, want both notices after the pause", got)
	}
}
