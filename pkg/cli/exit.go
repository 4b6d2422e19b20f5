package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// The exit codes of every command.
const (
	// Done: everything that was asked for is so, or there was nothing to do.
	Done = 0
	// Failed: an error before anything was changed.
	Failed = 1
	// Blocked: preflight found errors; nothing was changed.
	Blocked = 2
	// Stopped: an error after something was changed, or a pause that was asked for. The same command continues.
	Stopped = 3
	// Declined: the plan was not confirmed; nothing was changed.
	Declined = 4
	// Interrupted: by Ctrl-C or a termination signal. The same command continues.
	Interrupted = 130
)

var (
	errDeclined    = errors.New("not confirmed: nothing was changed")
	errInterrupted = errors.New("interrupted")
	errPaused      = errors.New("paused as asked for: the upgrade is not finished")
)

// Code gives the exit code for the error that a command returned.
func Code(err error) int {
	var outcome *outcomeError
	var blocked *upgrade.BlockedError
	var unreported *unreportedError
	switch {
	case err == nil:
		return Done
	// A lost lock ends the run through its context, as an interrupt does.
	case !errors.Is(err, upgrade.ErrLockLost) && (errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled)):
		return Interrupted
	case errors.As(err, &outcome) && outcome.Changed, errors.Is(err, errPaused), errors.As(err, &unreported) && unreported.changed:
		return Stopped
	case errors.As(err, &blocked):
		return Blocked
	case errors.Is(err, errDeclined), errors.Is(err, ui.ErrNotTerminal):
		return Declined
	}
	return Failed
}

// result puts the end of a command in a word, for reports.
func result(err error, nothingToDo bool) string {
	if errors.Is(err, errPaused) {
		return "paused"
	}
	switch Code(err) {
	case Done:
		if nothingToDo {
			return "nothing to do"
		}
		return "done"
	case Blocked:
		return "blocked"
	case Stopped:
		return "stopped"
	case Declined:
		return "declined"
	case Interrupted:
		return "interrupted"
	}
	return "failed"
}

// outcomeError is a run that did not reach its end.
type outcomeError struct{ engine.Outcome }

func (e *outcomeError) Error() string { return e.Err.Error() }
func (e *outcomeError) Unwrap() error { return e.Err }

// unreportedError is a command that came to its end, and a report of it that could not be written.
type unreportedError struct {
	cause   error
	result  string
	code    int
	changed bool
}

func (e *unreportedError) Error() string {
	return fmt.Sprintf("%v (only the report is missing: the command itself ended as %q, exit code %d)", e.cause, e.result, e.code)
}
func (e *unreportedError) Unwrap() error { return e.cause }
