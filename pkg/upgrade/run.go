package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/step"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// patience is how long a step goes on while the API server does not answer. kubeadm itself gives each static pod five minutes to come back.
const patience = 6 * time.Minute

// ErrLockLost ends a run at once: somebody else has taken this one for dead and works on the cluster now.
var ErrLockLost = record.ErrLost

// Run executes the plan and tells sink how it goes. Closing stop lets the current step end and starts no other.
func (u *Upgrade) Run(ctx context.Context, p *Prepared, sink event.Sink, stop <-chan struct{}) (engine.Outcome, error) {
	run := u.describe(p)
	before, err := record.Read(ctx, u.client)
	if err != nil {
		return engine.Outcome{}, err
	}
	goesOn := before != nil && before.Of() == p.Plan.Kind
	logs, journal, err := u.log(run)
	if err != nil {
		return engine.Outcome{}, err
	}
	defer logs.Close()
	writer, err := record.Keep(ctx, u.client, u.lock, run, u.warn)
	if err != nil {
		journal.Finish(left(engine.Outcome{Err: err}, goesOn))
		return engine.Outcome{}, err
	}
	out := u.walk(ctx, p.Plan, name(p), event.Tee(sink, keep(logs, u.warn), journal, writer), stop)
	state, why := left(out, goesOn)
	journal.Finish(state, why)
	if err := writer.Finish(ctx, state, why); err != nil {
		u.warn("the record of this run in the cluster is not up to date: %v; the same command again brings it up to date", err)
	}
	return out, nil
}

// log begins what is kept of a run on this machine.
func (u *Upgrade) log(run record.Run) (*record.Logs, *record.Journal, error) {
	logs, err := record.OpenLogs(run.ClusterUID, run.ID)
	if err != nil {
		return nil, nil, err
	}
	u.notice("the output of host commands is kept in %s", logs.Dir())
	journal, err := logs.Begin(run, u.warn)
	if err != nil {
		logs.Close()
		return nil, nil, err
	}
	return logs, journal, nil
}

// name is that of the run's host actions, by which a later process finds them.
func name(p *Prepared) string {
	switch p.Plan.Kind {
	case plan.EtcdKind:
		return "etcd-" + p.To.String()
	case plan.EtcdRestoreKind:
		return "etcd-" + p.Plan.Etcd.Restore.Token
	}
	return p.To.String()
}

// describe says what others want to know of the run that begins.
func (u *Upgrade) describe(p *Prepared) record.Run {
	now := time.Now().UTC()
	return record.Run{
		ID: now.Format("20060102T150405Z") + "-" + name(p), ClusterUID: p.Plan.Cluster.UID, Kind: p.Plan.Kind, Holder: record.Me(), Command: u.opts.Command,
		From: p.Plan.From, To: p.To, Digest: p.Plan.Digest, Started: now, Updated: now, State: record.Running, Plan: p.Plan,
	}
}

// walk has the engine go through a plan; name is that of its host actions. A run that loses its lock ends at once, and sends nothing more.
func (u *Upgrade) walk(ctx context.Context, p *plan.Plan, name string, sink event.Sink, stop <-chan struct{}) engine.Outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u.watchLock = func(l *record.Lock) {
		go func() {
			select {
			case <-l.Lost():
				cancel(ErrLockLost)
			case <-ctx.Done():
			}
		}()
	}
	u.watchLock(u.lock)
	go func() {
		select {
		case <-stop:
			sink.Emit(event.Notice{Time: time.Now(), Text: "interrupted: what has begun is brought to its end, and nothing else is started (interrupt again to leave it to the hosts)"})
		case <-ctx.Done():
		}
	}()
	waiting := func(s plan.Step, what string) { sink.Emit(event.StepWaiting{Time: time.Now(), ID: s.ID, For: what}) }
	deps := step.Deps{Client: u.guarded, Agents: u.agents, Run: name, Found: u.found.keep, Sources: u.bundles.sources(), Waiting: waiting, Scratch: u.scratch}
	if u.memory != nil {
		deps.Memory = u.memory
	}
	e := &engine.Engine{
		New:       deps.New,
		Retryable: kube.IsRetryableLater,
		Brief:     kube.Brief,
		Patience:  patience,
		Sink:      sink,
		Stop:      stop,
	}
	return e.Run(ctx, p)
}

// ending tells how a run ended, for its record.
func ending(o engine.Outcome) (record.State, error) {
	switch {
	case o.Err == nil && o.Paused != "":
		return record.Paused, nil
	case o.Stopped && o.Err == nil, errors.Is(o.Err, context.Canceled) && !errors.Is(o.Err, ErrLockLost):
		return record.Interrupted, o.Err
	case o.Err != nil:
		return record.Failed, o.Err
	}
	return record.Done, nil
}

// left tells in which state a run leaves its upgrade. One that has changed nothing yet is none that anybody would have to finish, unless
// the run goes on with one that had.
func left(o engine.Outcome, goesOn bool) (record.State, error) {
	state, why := ending(o)
	if !o.Changed && !goesOn {
		state = record.Done
	}
	return state, why
}

// Forget takes away the record of an upgrade of that kind to the version, after it was found that nothing is left to do for it.
func (u *Upgrade) Forget(ctx context.Context, kind string, to version.Version) error {
	r, err := record.Read(ctx, u.client)
	if err != nil || r == nil || r.Of() != kind || r.To != to {
		return err
	}
	return u.lock.Remove(ctx)
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
// what could not be removed is returned. Whoever has taken the lock meanwhile works with the agent, and takes it away.
func (u *Upgrade) Close(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	var errs []error
	if u.deployed && !u.opts.KeepAgent {
		errs = u.removeAgents(ctx)
	}
	if u.lock != nil {
		if err := u.lock.Release(ctx); err != nil {
			errs = append(errs, err)
		}
		u.lock = nil
	}
	if u.scratch != "" {
		if err := os.RemoveAll(u.scratch); err != nil {
			errs = append(errs, fmt.Errorf("remove folder of the snapshot: %w", err))
		}
		u.scratch = ""
	}
	return errs
}

func (u *Upgrade) removeAgents(ctx context.Context) []error {
	if err := u.mayGoOn(ctx); errors.Is(err, ErrLockLost) {
		return []error{fmt.Errorf("leave the agent where it is: %w", err)}
	}
	var errs []error
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
	return errs
}
