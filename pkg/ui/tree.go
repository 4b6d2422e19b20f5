package ui

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// redraw is how often the picture is drawn anew.
const redraw = 200 * time.Millisecond

// Tree shows a run as a picture that is redrawn in place: phases, their nodes, and the step that each node is at.
// Notices, gaps and failures scroll by above the picture and stay.
type Tree struct {
	screen  screen
	look    Look
	tell    narrator
	done    chan struct{}
	stopped sync.WaitGroup
	close   sync.Once
	// continued tells that the process was stopped, and goes on.
	continued <-chan os.Signal

	mu     sync.Mutex
	model  Model
	paused bool
	// settled is set once the last picture of the run stands.
	settled bool
	kept    []line
}

// NewTree starts a tree view on a terminal whose width and height are asked for each picture, since windows get resized.
// Continued, which may be nil, tells that the process goes on after a Ctrl-Z.
func NewTree(w io.Writer, size func() (width, height int), look Look, continued <-chan os.Signal) *Tree {
	t := &Tree{
		screen: screen{w: w, size: size}, look: look, continued: continued,
		tell: narrator{palette: look.Palette}, done: make(chan struct{}),
	}
	t.stopped.Go(t.loop)
	return t
}

// Emit implements event.Sink. Only the end of a run is drawn at once; all else waits for the next picture.
func (t *Tree) Emit(e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := e.(event.RunStarted); again {
		t.settled = false
	}
	t.model.Apply(e)
	t.kept = append(t.kept, t.tell.lasting(&t.model, e)...)
	if _, over := e.(event.RunFinished); over && !t.paused {
		t.settle()
	}
}

// Pause implements View.
func (t *Tree) Pause(f func()) {
	t.mu.Lock()
	t.clear()
	t.paused = true
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.paused = false
		t.draw(time.Now())
	}()
	f()
}

// Close implements View.
func (t *Tree) Close() {
	t.close.Do(func() { close(t.done) })
	t.stopped.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.model.Started.IsZero() || t.settled {
		t.clear()
		return
	}
	t.settle()
}

func (t *Tree) loop() {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-t.done:
			return
		case <-t.continued:
			// The shell has written below the picture, which stays where it is: the next one begins further down.
			t.mu.Lock()
			t.screen.leave()
			t.mu.Unlock()
		case now := <-tick.C:
			late := now.Sub(last) > 5*redraw
			last = now
			if late { // because the process was stopped: what tells so may come a moment later
				continue
			}
			t.mu.Lock()
			if !t.paused {
				t.draw(now)
			}
			t.mu.Unlock()
		}
	}
}

// draw shows the lines that were kept and the picture as it is now; t.mu is held, as in all below.
func (t *Tree) draw(now time.Time) {
	width, height := t.screen.size()
	m := &t.model
	if t.settled { // the run's picture stands further up; what follows is only waited for
		m = &Model{Waiting: t.model.Waiting}
	}
	// One line is left for the cursor below the picture.
	t.screen.show(t.keptText(), t.look.Frame(m, width, height-1, now))
}

// settle draws the last picture and leaves it where it is.
func (t *Tree) settle() {
	now := t.model.Ended
	if now.IsZero() {
		now = time.Now()
	}
	t.draw(now)
	t.screen.leave()
	t.settled = true
}

// clear takes the picture away; what was kept is shown for good.
func (t *Tree) clear() { t.screen.show(t.keptText(), nil) }

func (t *Tree) keptText() []string {
	var out []string
	for _, l := range t.kept {
		text, _ := t.look.render(l, 0)
		out = append(out, text)
	}
	t.kept = nil
	return out
}
