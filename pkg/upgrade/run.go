package upgrade

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/step"
)

// patience is how long a step goes on while the API server does not answer. kubeadm itself gives each static pod five minutes to come back.
const patience = 6 * time.Minute

// ErrLockLost ends a run at once: somebody else has taken this one for dead and works on the cluster now.
var ErrLockLost = errors.New("the lock is lost: another run has taken it over, or somebody has deleted it")

// Run executes the plan and tells sink how it goes. Closing stop lets the current step end and starts no other.
func (u *Upgrade) Run(ctx context.Context, p *Prepared, sink event.Sink, stop <-chan struct{}) (engine.Outcome, error) {
	logs, err := record.OpenLogs(p.Plan.Cluster.UID, time.Now().UTC().Format("20060102T150405Z")+"-"+p.To.String())
	if err != nil {
		return engine.Outcome{}, err
	}
	defer logs.Close()
	u.notice("the output of host commands is kept in %s", logs.Dir())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-u.lock.Lost():
			cancel(ErrLockLost)
		case <-ctx.Done():
		}
	}()
	e := &engine.Engine{
		New:       step.Deps{Client: u.client, Agents: u.agents, Run: p.To.String()}.New,
		Retryable: kube.IsRetryableLater,
		Patience:  patience,
		Sink:      event.Tee(sink, keep(logs, u.warn)),
		Stop:      stop,
	}
	return e.Run(ctx, p.Plan), nil
}

// keep writes the output of host commands to the logs. That a line cannot be written is said once and stops nothing.
func keep(logs *record.Logs, warn func(string, ...any)) event.Sink {
	failed := make(chan struct{}, 1)
	return event.SinkFunc(func(e event.Event) {
		out, ok := e.(event.StepOutput)
		if !ok {
			return
		}
		if err := logs.Append(out.ID, out.Line); err != nil {
			select {
			case failed <- struct{}{}:
				warn("%v", err)
			default:
			}
		}
	})
}

// Close takes the agent away, unless it is to stay, and gives the lock back. It works after a failure and an interrupt too;
// what could not be removed is returned.
func (u *Upgrade) Close(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	var errs []error
	if u.deployed && !u.opts.KeepAgent {
		u.notice("remove the agent")
		for _, node := range u.reached {
			if err := u.agents.Purge(ctx, node); err != nil {
				errs = append(errs, err)
			}
		}
		if err := u.agents.Remove(ctx); err != nil {
			errs = append(errs, err)
		}
		u.deployed, u.reached = false, nil
	}
	if u.lock != nil {
		if err := u.lock.Release(ctx); err != nil {
			errs = append(errs, err)
		}
		u.lock = nil
	}
	return errs
}
