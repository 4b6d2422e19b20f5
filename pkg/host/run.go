package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/action"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// timeoutError is the cause of a context that ran out of the request's time.
type timeoutError struct{ limit time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("not done within %s: it was ended", e.limit) }

// Run is what the transient unit executes: it runs the request of dir and leaves log and result there. The log also goes to journal.
// An error of the action is part of the result; the returned error means that there is none.
func Run(ctx context.Context, work workdir.Dir, dir string, journal io.Writer) error {
	s := store(dir)
	r, ok, err := s.readRequest()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("run request of %s: there is none", dir)
	}
	f, err := os.OpenFile(s.log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", r.ID, err)
	}
	defer f.Close()
	res := hostaction.Result{ID: r.ID, Nonce: r.Nonce, Kind: r.Kind, Started: time.Now().UTC()}
	log := &tee{main: f, copy: journal}
	env := action.Env{Work: work, Log: log}
	if self, err := os.Executable(); err == nil { // without it, nothing goes on after a restart of the host
		env.Again = []string{self, "run", "--dir", dir}
	}
	// A host that lost its power has a new kubelet, which finds no manifest.
	if err := staticpod.Mend(); err != nil {
		fmt.Fprintln(log, err)
	}
	out, err := perform(ctx, r, env)
	if err != nil {
		res.Error, res.Code = err.Error(), fault.Code(err)
	}
	if out != nil {
		if res.Output, err = json.Marshal(out); err != nil {
			res.Error = fmt.Sprintf("encode output of %s: %v", r.Kind, err)
		}
	}
	res.Finished = time.Now().UTC()
	return writeJSON(s.result(), res)
}

func perform(ctx context.Context, r hostaction.Request, env action.Env) (any, error) {
	do, ok := action.For(r.Kind)
	if !ok {
		return nil, fmt.Errorf("run action %s: this agent does not know it", r.Kind)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit(r), timeoutError{limit(r)})
	defer cancel()
	if r.Changes {
		unlock, err := file.Lock(ctx, env.Work.Changes(), r.ID, func(other string) {
			fmt.Fprintf(env.Log, "waiting for %s\n", other)
		})
		if err != nil {
			return nil, coded(ctx, err)
		}
		defer unlock()
	}
	out, err := do(ctx, r, env)
	return out, coded(ctx, err)
}

// coded tells an action that ran out of time, and one whose unit was stopped, from one that failed of itself.
func coded(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || fault.Code(err) != "" {
		return err
	}
	if _, ok := errors.AsType[timeoutError](context.Cause(ctx)); ok {
		return fault.New(hostaction.CodeTimeout, "%w", err)
	}
	return fault.New(hostaction.CodeInterrupted, "%w", err)
}

// tee writes lines to the log, which counts, and to the journal, which is a courtesy: a full journal does not fail an upgrade.
type tee struct{ main, copy io.Writer }

func (t *tee) Write(p []byte) (int, error) {
	n, err := t.main.Write(p)
	_, _ = t.copy.Write(p)
	return n, err
}
