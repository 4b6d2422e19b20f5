package cli

import (
	"fmt"
	"os"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
)

// view shows the run on standard error; standard output is for data, such as the stream of events.
func (r *runner) view() ui.View {
	if r.stream == nil {
		return ui.New(r.in.ErrOut, ui.Options{Getenv: os.Getenv})
	}
	if printers.IsTerminal(r.in.Out) { // a picture would be redrawn over the lines of the stream
		r.shown = ui.NewPlain(r.in.ErrOut, false)
	} else {
		r.shown = ui.New(r.in.ErrOut, ui.Options{Getenv: os.Getenv})
	}
	return &streaming{r.shown, r}
}

// streaming is a view that writes every event to the stream, too.
type streaming struct {
	ui.View
	r *runner
}

// Emit implements event.Sink.
func (s *streaming) Emit(e event.Event) {
	s.r.stream.Emit(e)
	s.View.Emit(e)
}

// Close implements ui.View.
func (s *streaming) Close() {
	s.View.Close()
	s.r.shown = nil
}

// lost tells that nobody reads the stream any more, as the view does while there is one: its picture is pushed apart by lines of others.
func (r *runner) lost(err error) {
	text := fmt.Sprintf("%v: the work goes on", err)
	if r.shown == nil {
		fmt.Fprintln(r.in.ErrOut, "warning:", text)
		return
	}
	r.shown.Emit(event.Notice{Time: time.Now(), Warning: true, Text: text})
}

// asksPerson tells whether there is somebody to answer a question: both ends have to be a terminal.
func asksPerson(in Invocation) bool {
	f, ok := in.In.(*os.File)
	return ok && printers.IsTerminal(f) && printers.IsTerminal(in.ErrOut)
}
