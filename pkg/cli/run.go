package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/explain"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/probe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// runner is one "plan" or "cluster" command.
type runner struct {
	upgradeFlags
	in      Invocation
	flags   *genericclioptions.ConfigFlags
	needTo  bool
	yes     bool
	dryRun  bool
	noProbe bool
	// planFile is the file of a saved plan, and typed are the flags as they were given, then as the plan brings them.
	planFile string
	// applied is set where the plan is the command's argument; planText is what was read of it, if it could be read.
	applied  bool
	planText []byte
	// verb is "etcd" for its commands; empty for those of the cluster.
	verb  string
	typed *pflag.FlagSet

	report report.Report
	empty  bool
	stream *event.Lines
	// shown is the view, while there is one beside the stream.
	shown ui.View
}

// run goes the whole way and writes the report, whatever happens on it.
func (r *runner) run(ctx context.Context) error {
	return r.reported(ctx, clusterReport, r.upgrade)
}

func (r *runner) upgrade(ctx context.Context) error {
	saved, err := r.loadPlan()
	if err != nil {
		return err
	}
	if r.needTo && r.to == "" {
		return errors.New("--to is required: the Kubernetes version to upgrade to, such as --to v1.34.2")
	}
	opts, err := r.options()
	if err != nil {
		return err
	}
	opts.Saved = saved
	opts.Command = r.command()
	return r.with(ctx, opts, r.observed)
}

// observed goes on from where the cluster can be asked.
func (r *runner) observed(ctx context.Context, client *kube.Client, u *upgrade.Upgrade, v ui.View) error {
	p, err := r.prepare(ctx, u.Prepare)
	if p != nil {
		r.report.Findings, r.report.Plan, r.report.Offered, r.report.To = p.Findings, p.Plan, p.Offered, p.To
	}
	if p != nil && p.Offered != nil {
		if err := record.KeepOffered(client.Config.Host, p.Offered); err != nil {
			warn(v, err.Error()) // completion does without
		}
	}
	r.streamPlan()
	if stale, ok := errors.AsType[*upgrade.StaleError](err); ok {
		return r.explainStale(v, stale)
	}
	r.showPlan(v, p)
	if err != nil {
		return err
	}
	r.report.From, r.empty = p.Plan.From, p.Plan.Empty()
	if err := r.keepPlan(v); err != nil {
		return err
	}
	if r.dryRun {
		return nil
	}
	if r.empty {
		return u.Forget(ctx, p.Plan.Kind, p.To)
	}
	if err := r.confirm(ctx, v, fmt.Sprintf("Upgrade %s (%s) to %s?", named(p.Plan.Cluster.Context), p.Plan.Cluster.Server, p.Plan.To)); err != nil {
		return err
	}
	return r.execute(ctx, client, v, u, p)
}

// prepare ends at the first interrupt: nothing has been changed that would have to be brought to an end.
func (r *runner) prepare(ctx context.Context, do func(context.Context) (*upgrade.Prepared, error)) (*upgrade.Prepared, error) {
	ctx, cancel := r.untilInterrupt(ctx)
	defer cancel()
	p, err := do(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errInterrupted) {
		return nil, fmt.Errorf("%w: nothing was changed", errInterrupted)
	}
	return p, err
}

// untilInterrupt gives a context that the first interrupt ends.
func (r *runner) untilInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-r.in.Stop:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// showPlan writes findings to the talk and the plan to where the data goes: with -o json it is in the report.
func (r *runner) showPlan(v ui.View, p *upgrade.Prepared) {
	if p == nil {
		return
	}
	v.Pause(func() {
		report.Findings(r.in.ErrOut, p.Findings)
		if p.Plan == nil {
			return
		}
		out := r.text()
		report.Offered(out, p.Offered)
		report.Plan(out, p.Cluster, p.Plan)
	})
}

func (r *runner) confirm(ctx context.Context, v ui.View, question string) error {
	if r.yes {
		return nil
	}
	ctx, cancel := r.untilInterrupt(ctx)
	defer cancel()
	var ok bool
	var err error
	v.Pause(func() {
		ok, err = ui.Confirm(ctx, r.in.In, r.in.ErrOut, asksPerson(r.in), question)
	})
	switch {
	case errors.Is(err, ui.ErrNotTerminal):
		return fmt.Errorf("confirm the plan: %w: nothing was changed; add --yes to go ahead without being asked", err)
	case err != nil:
		return fmt.Errorf("confirm the plan: %w: nothing was changed", err)
	case !ok:
		return errDeclined
	}
	return nil
}

// execute runs the plan and tells how it ended.
func (r *runner) execute(ctx context.Context, client *kube.Client, v ui.View, u *upgrade.Upgrade, p *upgrade.Prepared) error {
	steps := &probe.Steps{}
	stopProbe := r.measure(ctx, client, v, steps)
	outcome, err := u.Run(ctx, p, event.Tee(v, steps), r.in.Stop)
	r.report.Probe = stopProbe()
	if err != nil {
		return err
	}
	r.report.Steps, r.report.Nodes = outcome.Steps, report.Nodes(outcome.Steps)
	r.report.Etcd = etcdDone(u)
	err = r.ended(outcome)
	v.Pause(func() {
		report.Summary(r.in.ErrOut, &r.report)
		if err != nil {
			r.explain(ctx, client, outcome, func() { r.explainEtcd(ctx, u, p) })
		}
	})
	return err
}

// etcdDone is what was done to etcd; nil when that is nothing.
func etcdDone(u *upgrade.Upgrade) *report.EtcdDone {
	d := &report.EtcdDone{}
	for _, f := range u.Found() {
		d.Add(f.Step, f.Out)
	}
	if d.Empty() {
		return nil
	}
	return d
}

func (r *runner) ended(o engine.Outcome) error {
	switch {
	case errors.Is(o.Err, upgrade.ErrLockLost):
		return &outcomeError{o}
	case o.Stopped && (o.Err == nil || errors.Is(o.Err, context.Canceled)):
		return fmt.Errorf("%w: no further step was started", errInterrupted)
	case errors.Is(o.Err, context.Canceled):
		return fmt.Errorf("%w in step %s", errInterrupted, stepOf(o.Err))
	case o.Err != nil:
		return &outcomeError{o}
	case o.Paused != "":
		return errPaused
	}
	return nil
}

func stepOf(err error) string {
	if s, ok := errors.AsType[*engine.StepError](err); ok {
		return s.Step.ID
	}
	return "?"
}

// explain says what state the cluster is in now, and the commands to go on and to go back.
func (r *runner) explain(ctx context.Context, client *kube.Client, o engine.Outcome, more func()) {
	r.report.Next = r.command()
	w := r.in.ErrOut
	if !o.Changed {
		fmt.Fprintln(w, "\nNothing was changed but caches of packages and images.")
	} else {
		report.StateNow(context.WithoutCancel(ctx), w, client)
		more()
	}
	r.report.Explanations = known(o)
	for _, row := range r.report.Explanations {
		fmt.Fprintf(w, "\n%s says of this: %s\n  fix: %s\n  see: %s\n", row.ID, row.Cause, row.Fix, row.Source)
	}
	if errors.Is(o.Err, upgrade.ErrLockLost) {
		r.report.Next = r.another()
		return
	}
	fmt.Fprintf(w, "\nto go on:   %s\nto give up: kubectl upgrade abort (see docs/undo.md)\n", r.report.Next)
}

// another says what to do first where the lock was lost, and gives the command.
func (r *runner) another() string {
	const next = "kubectl upgrade status"
	fmt.Fprintf(r.in.ErrOut, "\nanother run may be at work on this cluster: look first: %s\n", next)
	return next
}

// known is what is known of the lines that failed steps ended with, each once.
func known(o engine.Outcome) []explain.Row {
	var out []explain.Row
	for _, s := range o.Steps {
		for line := range strings.Lines(s.Error) {
			rows := explain.Find(line)
			if len(rows) > 0 && len(rows[0].Lines) > 0 && !slices.ContainsFunc(out, func(r explain.Row) bool { return r.ID == rows[0].ID }) {
				out = append(out, rows[0])
			}
		}
	}
	return out
}

// explainEtcd says how etcd is now, where that is what the run was about.
func (r *runner) explainEtcd(ctx context.Context, u *upgrade.Upgrade, p *upgrade.Prepared) {
	if p.Plan.Kind != plan.EtcdKind && p.Plan.Kind != plan.EtcdRestoreKind {
		return
	}
	e, err := u.EtcdNow(ctx, p)
	if err != nil {
		fmt.Fprintf(r.in.ErrOut, "\nThe state of etcd cannot be read now: %v\n", err)
		return
	}
	r.report.Members = e.Members
	report.EtcdMembers(r.in.ErrOut, e)
}

// command is what the user typed, to be typed again. A saved plan that was begun is stale; what it brought is asked for by flags then.
func (r *runner) command() string {
	if r.planFile != "" {
		return r.withoutPlan(r.runVerb(), "plan")
	}
	words := []string{"kubectl", "upgrade"}
	for i, a := range r.in.Args {
		switch {
		case strings.HasPrefix(a, "--token="):
			a = "--token=" + hidden
		case i > 0 && r.in.Args[i-1] == "--token":
			a = hidden
		}
		words = append(words, quote(a))
	}
	return strings.Join(words, " ")
}

// hidden stands for the operator's token: the command is kept in the cluster, and in reports that are passed on.
const hidden = "TOKEN"

// quote writes a word as a shell takes it.
func quote(word string) string {
	if strings.ContainsAny(word, " '\"$`\\*?;&|<>()") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// named tells which context is meant, for a question that must not be answered for the wrong cluster.
func named(s string) string {
	if s == "" {
		return "the cluster"
	}
	return "context " + s
}
