package ui

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// heartbeat is how long a plain view may say nothing while something goes on:
// CI systems end jobs that are silent, and people who see nothing end them too.
const heartbeat = 30 * time.Second

// Plain writes one line per change, for pipes, logs and terminals that cannot redraw.
type Plain struct {
	w       io.Writer
	tell    narrator
	done    chan struct{}
	stopped sync.WaitGroup
	close   sync.Once

	mu     sync.Mutex
	model  Model
	paused bool
	kept   []line
}

// NewPlain starts a plain view. With verbose, the output of host commands is printed as it comes; else it is only shown of a step that failed.
func NewPlain(w io.Writer, verbose bool) *Plain {
	p := &Plain{w: w, tell: narrator{verbose: verbose}, done: make(chan struct{})}
	p.stopped.Go(p.beat)
	return p
}

// Emit implements event.Sink.
func (p *Plain) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.model.Apply(e) {
		p.print(p.tell.everything(&p.model, e))
	}
}

// Pause implements View.
func (p *Plain) Pause(f func()) {
	p.mu.Lock()
	p.paused = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.paused = false
		p.print(nil)
	}()
	f()
}

// Close implements View.
func (p *Plain) Close() {
	p.close.Do(func() { close(p.done) })
	p.stopped.Wait()
}

func (p *Plain) beat() {
	t := time.NewTicker(heartbeat)
	defer t.Stop()
	for {
		select {
		case <-p.done:
			return
		case now := <-t.C:
			p.mu.Lock()
			// What was held back meanwhile is printed later and tells more.
			if !p.paused {
				p.print(p.tell.heartbeat(&p.model, now))
			}
			p.mu.Unlock()
		}
	}
}

// print writes lines in one piece, so that lines of other writers do not get between; p.mu is held.
func (p *Plain) print(lines []line) {
	p.kept = append(p.kept, lines...)
	if p.paused || len(p.kept) == 0 {
		return
	}
	var b strings.Builder
	for _, l := range p.kept {
		text, _ := Look{}.render(l, 0)
		b.WriteString(text + "\n")
	}
	p.kept = nil
	// Nobody can be told that the place for telling is gone.
	_, _ = io.WriteString(p.w, b.String())
}
