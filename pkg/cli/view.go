package cli

import (
	"os"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
)

// view shows the run on standard error; standard output is for data, such as the stream of events.
func (r *runner) view() ui.View {
	v := ui.New(r.in.ErrOut, ui.Options{Getenv: os.Getenv})
	if r.stream == nil {
		return v
	}
	return &streaming{v, r.stream}
}

// streaming is a view that writes every event to the stream, too.
type streaming struct {
	ui.View
	stream *event.Lines
}

// Emit implements event.Sink.
func (s *streaming) Emit(e event.Event) {
	s.stream.Emit(e)
	s.View.Emit(e)
}

// asksPerson tells whether there is somebody to answer a question: both ends have to be a terminal.
func asksPerson(in Invocation) bool {
	f, ok := in.In.(*os.File)
	return ok && printers.IsTerminal(f) && printers.IsTerminal(in.ErrOut)
}
