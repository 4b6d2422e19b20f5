package cli

import (
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

type view interface {
	event.Sink
	Pause(func())
	Close()
}

type tmpView struct{ in Invocation }

func (t tmpView) Emit(e event.Event) { fmt.Fprintf(t.in.ErrOut, "%T %+v\n", e, e) }
func (t tmpView) Pause(f func())     { f() }
func (t tmpView) Close()             {}
func newView(in Invocation) view     { return tmpView{in} }
