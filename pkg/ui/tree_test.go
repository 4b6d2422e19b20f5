package ui

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

func TestTreeTakesTheWaitingLineAwayWithoutARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal(t, 80, 24)
		v := NewTree(term, term.size, Look{}, nil)
		v.Emit(event.Waiting{Time: time.Now(), For: "agent on w-1"})
		time.Sleep(3*time.Second + redraw)
		if got, want := term.text(), "waiting for agent on w-1  3s"; !strings.HasSuffix(got, want) {
			t.Errorf("screen shows %q, want %q", got, want)
		}
		v.Close()
		if got := term.text(); got != "" {
			t.Errorf("screen shows %q after the end, want nothing", got)
		}
	})
}

func TestTreeFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal(t, 100, 40)
		v := NewTree(term, term.size, Look{}, nil)
		v.Emit(event.RunStarted{Time: time.Now(), Tree: tree(1)})
		v.Emit(event.StepStarted{Time: time.Now(), ID: "prepare/cp-1/images"})
		v.Emit(event.StepOutput{Time: time.Now(), ID: "prepare/cp-1/images", Line: "E: no space left"})
		time.Sleep(time.Second)
		if got := term.text(); strings.Contains(got, "no space left") {
			t.Errorf("output of a running step on the screen:\n%s", got)
		}
		v.Emit(event.StepFinished{Time: time.Now(), ID: "prepare/cp-1/images", State: event.Failed, Took: time.Second, Error: "exit status 100"})
		v.Emit(event.RunFinished{Time: time.Now(), Took: time.Second, Error: "exit status 100"})
		v.Pause(func() { _, _ = term.Write([]byte("summary\n")) })
		// What comes after the run must not touch its last picture.
		v.Emit(event.Waiting{Time: time.Now(), For: "agents to end"})
		time.Sleep(time.Second)
		v.Emit(event.Waiting{Time: time.Now()})
		v.Close()
		got := term.text()
		for _, want := range []string{": failed after 1s: exit status 100\n    | E: no space left\n", "    ✗ pull images  failed after 1s\n", "stopped after 1s\n"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("want %q once in\n%s", want, got)
			}
		}
		if !strings.HasSuffix(got, "\nsummary") {
			t.Errorf("want the summary last in\n%s", got)
		}
	})
}

// After Ctrl-Z and fg, what the shell has written stays, and so does the picture of before.
func TestTreeGoesOnBelowWhatTheShellWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal(t, 80, 24)
		continued := make(chan os.Signal, 1)
		v := NewTree(term, term.size, Look{}, continued)
		v.Emit(event.RunStarted{Time: time.Now(), Tree: tree(1)})
		v.Emit(event.StepStarted{Time: time.Now(), ID: "prepare/cp-1/images"})
		time.Sleep(time.Second - redraw/2)
		before := term.text()
		_, _ = term.Write([]byte("[1]+  Stopped\n$ fg\n"))
		continued <- os.Interrupt // which one it is, the view does not ask
		time.Sleep(time.Second)
		if got, want := term.text(), before+"\n[1]+  Stopped\n$ fg\n"; !strings.HasPrefix(got, want) || strings.Count(got, tree(1).Title) != 2 {
			t.Errorf("screen shows\n%s\nwant it to begin with\n%s\nand one more picture", got, want)
		}
		v.Close()
	})
}

func TestTreePicturesRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal(t, 80, 24)
		v := NewTree(term, term.size, Look{}, nil)
		time.Sleep(time.Minute)
		if n := term.pictures(); n != 0 {
			t.Errorf("%d writes with nothing to show", n)
		}
		v.Emit(event.RunStarted{Time: time.Now(), Tree: tree(1)})
		v.Emit(event.StepStarted{Time: time.Now(), ID: "prepare/cp-1/images"})
		time.Sleep(10 * time.Second)
		if n := term.pictures(); n < 45 || n > 55 {
			t.Errorf("%d pictures in 10s, want about 50", n)
		}
		v.Close()
	})
}
