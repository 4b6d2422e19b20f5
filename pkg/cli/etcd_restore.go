package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/probe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

func newEtcdRestore(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e := &etcd{runner: runner{in: in, flags: flags, verb: "etcd"}, etcdFlags: etcdFlags{backupDir: defaultBackupDir}}
	cmd := &cobra.Command{
		Use:                   "restore FILE[@NODE]",
		DisableFlagsInUseLine: true,
		Short:                 "Make every member of etcd anew from a snapshot",
		Long: templates.LongDesc(`
			Make every member of kubeadm's etcd anew from a snapshot, on a node or on this machine. Everything that was written since is lost.

			The snapshot is checked by restoring and serving it once, and held against this cluster, before anything else. The plan is shown and has to
			be confirmed. Then every host is given its part and does it by itself, for with etcd the API ends: it ends its API server and its member,
			restores, and starts both again. The revision moves on, so that clients read everything anew instead of going on with what is no longer so.
			The data directories of before are kept.

			Where no API server answers, or not every host can be reached, nothing is done, and the line is printed that does the same by hand, on each
			control-plane host.

			Run the same command again to continue a restore that was cut short.`),
		Example: templates.Examples(`
			# What would be done
			kubectl upgrade etcd restore /var/lib/etcd-backup/etcd-3.5.35-20260101T120000Z.db@cp-1 --dry-run

			# From a snapshot that was downloaded
			kubectl upgrade etcd restore ./etcd-3.5.35-20260101T120000Z.db`),
		Annotations: reports(etcdRestoreReport),
		Args:        one("FILE or FILE@NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.reported(cmd.Context(), etcdRestoreReport, func(ctx context.Context) error { return e.restore(ctx, args[0]) })
		},
	}
	cmd.Flags().BoolVarP(&e.yes, "yes", "y", false, "Do not ask for confirmation of the plan.")
	cmd.Flags().BoolVar(&e.dryRun, "dry-run", false, "Stop after the plan.")
	cmd.Flags().BoolVar(&e.noProbe, "no-probe", false, "Do not measure whether the API endpoint answers during the restore.")
	e.addAgent(cmd.Flags())
	e.addImage(cmd.Flags())
	return cmd
}

func (e *etcd) restore(ctx context.Context, arg string) error {
	from, err := fileAt(arg)
	if err != nil {
		return err
	}
	opts, err := e.etcdOptions()
	if err != nil {
		return err
	}
	opts.Command = e.command()
	return e.with(ctx, opts, func(ctx context.Context, client *kube.Client, u *upgrade.Upgrade, v ui.View) error {
		p, err := e.prepare(ctx, func(ctx context.Context) (*upgrade.Prepared, error) { return u.PrepareEtcdRestore(ctx, from) })
		if p != nil {
			e.report.Findings, e.report.Plan = p.Findings, p.Plan
		}
		e.streamPlan()
		e.showRestore(v, p, from)
		if err != nil {
			return err
		}
		e.report.From, e.report.To = p.Plan.From, p.Plan.To
		if e.dryRun {
			return nil
		}
		question := fmt.Sprintf("%s on %s (%s), and lose what was written since?", p.Plan.Title(), named(p.Plan.Cluster.Context), p.Plan.Cluster.Server)
		if err := e.confirm(ctx, v, question); err != nil {
			return err
		}
		return e.runRestore(ctx, client, v, u, p)
	})
}

// showRestore writes findings to the talk and the plan to where the data goes; where there is none because hosts cannot be reached, the way by hand.
func (e *etcd) showRestore(v ui.View, p *upgrade.Prepared, from plan.EtcdBackup) {
	if p == nil {
		return
	}
	v.Pause(func() {
		report.Findings(e.in.ErrOut, p.Findings)
		switch {
		case p.Plan != nil:
			report.EtcdRestorePlan(e.text(), p.Cluster, p.Plan)
		case upgrade.ByHand(p.Findings):
			report.EtcdByHand(e.in.ErrOut, from, e.migrateImage, time.Now())
		}
	})
}

// runRestore executes the plan and tells how it ended.
func (e *etcd) runRestore(ctx context.Context, client *kube.Client, v ui.View, u *upgrade.Upgrade, p *upgrade.Prepared) error {
	steps := &probe.Steps{}
	stopProbe := e.measure(ctx, client, v, steps)
	outcome, err := u.Restore(ctx, p, event.Tee(v, steps), e.in.Stop)
	e.report.Probe = stopProbe()
	if err != nil {
		return err
	}
	e.report.Steps, e.report.Nodes, e.report.Etcd = outcome.Steps, report.Nodes(outcome.Steps), etcdDone(u)
	err = e.ended(outcome)
	v.Pause(func() {
		report.Summary(e.in.ErrOut, &e.report)
		if err == nil {
			return
		}
		e.report.Next = e.command()
		if errors.Is(outcome.Err, upgrade.ErrLockLost) {
			e.report.Next = e.another()
			return
		}
		if !outcome.Changed {
			fmt.Fprintln(e.in.ErrOut, "\nNothing was changed.")
		} else {
			e.explainEtcd(ctx, u, p)
		}
		fmt.Fprintf(e.in.ErrOut, "\nto go on: %s\n", e.report.Next)
	})
	return err
}
