package cli

import (
	"os"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
)

// newView shows the run on standard error; standard output is for data.
func newView(in Invocation) ui.View {
	return ui.New(in.ErrOut, ui.Options{Getenv: os.Getenv})
}

// asksPerson tells whether there is somebody to answer a question: both ends have to be a terminal.
func asksPerson(in Invocation) bool {
	f, ok := in.In.(*os.File)
	return ok && printers.IsTerminal(f) && printers.IsTerminal(in.ErrOut)
}
