package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// abort is one "abort" command.
type abort struct {
	runner
	back []string
}

func newAbort(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	a := &abort{runner: runner{in: in, flags: flags}}
	a.maxUnavailable, a.fetchAtOnce = "1", plan.DefaultFetchAtOnce // it has no flags for them
	cmd := &cobra.Command{
		Use:                   "abort [--rollback-node NODE]",
		DisableFlagsInUseLine: true,
		Short:                 "Give up an upgrade that is not finished, with every node in service",
		Long: templates.LongDesc(`
			Give up an upgrade that was cut short. What still runs on a host is let finish. Then every node that the upgrade has touched is
			brought back into service: packages whole, holds as before, kubelet running in the version that is installed, Ready, and no
			cordon and no taint of the upgrade's left. What has a new version keeps it.

			With --rollback-node, the kubelet of a node that was moved goes back to the version that it had before: drained, with the
			packages and the kubelet configuration of then. The control plane never goes back, since kubeadm has no downgrade.

			The plan is shown and has to be confirmed. At the end it says which versions run where, and how to go on or back.`),
		Example: templates.Examples(`
			# Give up the upgrade that was cut short
			kubectl upgrade abort

			# Give it up, and take two workers back to the kubelet that they had before
			kubectl upgrade abort --rollback-node w-1,w-2

			# The same where there is no repository, with a bundle of the release from before
			kubectl upgrade abort --rollback-node w-1,w-2 --packages-from ./bundle-v1.33.6

			# Only show what would be done
			kubectl upgrade abort --dry-run`),
		Annotations: reports(abortReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.reported(cmd.Context(), abortReport, a.do)
		},
	}
	fs := cmd.Flags()
	a.addCommon(fs)
	fs.StringSliceVar(&a.back, "rollback-node", nil, "Nodes whose kubelets go back to the version that they had before the upgrade.")
	fs.StringVar(&a.packagesFrom, "packages-from", "", "With --rollback-node: where the packages of before come from instead of the nodes' repositories: the folder of a bundle, or an image that carries one (oci://REFERENCE).")
	fs.BoolVarP(&a.yes, "yes", "y", false, "Do not ask for confirmation of the plan.")
	fs.BoolVar(&a.dryRun, "dry-run", false, "Stop after the plan.")
	return cmd
}

func (a *abort) do(ctx context.Context) error {
	opts, err := a.options()
	if err != nil {
		return err
	}
	slices.Sort(a.back)
	a.back = slices.Compact(a.back)
	opts.Command = a.command()
	return a.with(ctx, opts, a.observed)
}

// observed goes on from where the cluster can be asked.
func (a *abort) observed(ctx context.Context, client *kube.Client, u *upgrade.Upgrade, v ui.View) error {
	p, err := a.prepare(ctx, func(ctx context.Context) (*upgrade.Prepared, error) { return u.PrepareAbort(ctx, a.back) })
	if p != nil {
		a.report.Findings, a.report.Plan, a.report.To = p.Findings, p.Plan, p.To
	}
	a.showAbort(v, p)
	a.streamPlan()
	if err != nil {
		return err
	}
	a.report.From, a.empty = p.Plan.From, p.Plan.Empty()
	if a.dryRun || a.empty {
		return nil
	}
	if err := a.confirm(ctx, v, fmt.Sprintf("%s on %s (%s)?", p.Plan.Title(), named(p.Plan.Cluster.Context), p.Plan.Cluster.Server)); err != nil {
		return err
	}
	outcome, err := u.Abort(ctx, p, v, a.in.Stop)
	if err != nil && len(outcome.Steps) == 0 {
		return err
	}
	a.report.Steps, a.report.Nodes = outcome.Steps, report.Nodes(outcome.Steps)
	if err != nil {
		err = &outcomeError{engine.Outcome{Changed: true, Err: fmt.Errorf("forget the upgrade, whose record is still there: %w", err)}}
	} else {
		err = a.ended(outcome)
	}
	v.Pause(func() { a.tell(ctx, client, p, err) })
	return err
}

// showAbort writes the plan to where the data goes, as showPlan does.
func (a *abort) showAbort(v ui.View, p *upgrade.Prepared) {
	if p == nil {
		return
	}
	v.Pause(func() {
		report.Findings(a.in.ErrOut, p.Findings)
		if p.Plan != nil {
			report.Abort(a.text(), p.Plan)
		}
	})
}

// tell says in which state the cluster is now, and what leads on from there.
func (a *abort) tell(ctx context.Context, client *kube.Client, p *upgrade.Prepared, err error) {
	w := a.in.ErrOut
	report.Summary(w, &a.report)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	c, readErr := observe.Cluster(ctx, client)
	if readErr != nil {
		fmt.Fprintf(w, "\nThe state of the cluster cannot be read now: %v\n", readErr)
	} else {
		a.report.State = report.NewState(c)
		report.WriteState(w, a.report.State)
	}
	if errors.Is(err, upgrade.ErrLockLost) {
		a.report.Next = a.another()
		return
	}
	if err != nil {
		a.report.Next = a.command()
		fmt.Fprintf(w, "\nto go on with giving up: %s\n", a.report.Next)
		return
	}
	if p.Unfinished != nil {
		a.report.Next = p.Unfinished.Command
		fmt.Fprintf(w, "\nto go on with the upgrade: %s\n", a.report.Next)
	}
	if readErr != nil {
		return
	}
	// The hosts were looked at before; a kubelet that went back meanwhile is no candidate any more.
	for i := range c.Nodes {
		if n, ok := p.Cluster.Node(c.Nodes[i].Name); ok {
			c.Nodes[i].Host = n.Host
		}
	}
	if names := upgrade.Movable(c); len(names) > 0 {
		fmt.Fprintf(w, "to take kubelets back:      kubectl upgrade abort --rollback-node %s\n", strings.Join(names, ","))
	}
	fmt.Fprintln(w, "The control plane does not go back: see docs/undo.md")
}
