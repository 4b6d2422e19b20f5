package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

func newEtcdStatus(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e := &etcd{runner: runner{in: in, flags: flags, verb: "etcd"}}
	cmd := &cobra.Command{
		Use:                   "status",
		DisableFlagsInUseLine: true,
		Short:                 "Show every member of etcd, and what is wrong with it",
		Long: templates.LongDesc(`
			Show every member of etcd, where and how it runs, its release and its database, and what would stand in the way of an upgrade.
			How far an upgrade is, "kubectl upgrade status" tells.

			The agent is sent to the nodes that have to do with etcd, and taken away again; nothing else changes. The exit code is 2 where
			something stands in the way.`),
		Example: templates.Examples(`
			# What runs where
			kubectl upgrade etcd status

			# For programs
			kubectl upgrade etcd status -o json`),
		Annotations: reports(etcdStatusReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reported(cmd.Context(), etcdStatusReport, e.status)
		},
	}
	e.addAgent(cmd.Flags())
	return cmd
}

func (e *etcd) status(ctx context.Context) error {
	opts := upgrade.Options{Agent: e.agentOptions(), AgentTimeout: e.agentTimeout, KeepAgent: e.keepAgent}
	if err := e.checkAgent(&opts); err != nil {
		return err
	}
	return e.with(ctx, opts, func(ctx context.Context, _ *kube.Client, u *upgrade.Upgrade, v ui.View) error {
		p, err := e.prepare(ctx, u.EtcdStatus)
		if p == nil {
			return err
		}
		e.report.Findings = p.Findings
		if p.Cluster != nil && p.Cluster.Etcd != nil {
			e.report.Members = p.Cluster.Etcd.Members
		}
		v.Pause(func() {
			if !e.machine() && e.report.Members != nil {
				report.EtcdMembers(e.in.Out, p.Cluster.Etcd)
			}
			report.Findings(e.in.ErrOut, p.Findings)
		})
		e.streamPlan()
		if err == nil && preflight.Blocked(p.Findings) {
			return &upgrade.BlockedError{Findings: p.Findings}
		}
		return err
	})
}

func newEtcdSnapshot(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e := &etcd{runner: runner{in: in, flags: flags, verb: "etcd", noProbe: true}}
	cmd := &cobra.Command{
		Use:                   "snapshot [--backup-dir DIR] [--download DIR]",
		DisableFlagsInUseLine: true,
		Short:                 "Take a snapshot of etcd, and check it",
		Long: templates.LongDesc(`
			Take a snapshot of etcd from its leader, and check it: its sums, its structure, and by restoring it and serving it once. It stays
			on the leader's host, and with --download a copy comes to this machine. It has every secret of the cluster in it.`),
		Example: templates.Examples(`
			# A snapshot on the leader's host, and a copy here
			kubectl upgrade etcd snapshot --download .`),
		Annotations: reports(etcdSnapshotReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reported(cmd.Context(), etcdSnapshotReport, func(ctx context.Context) error {
				return e.task(ctx, func(u *upgrade.Upgrade) func(context.Context) (*upgrade.Prepared, error) {
					return u.PrepareEtcdSnapshot
				})
			})
		},
	}
	e.addAgent(cmd.Flags())
	e.addImage(cmd.Flags())
	e.addBackup(cmd.Flags())
	return cmd
}

func newEtcdVerify(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e := &etcd{runner: runner{in: in, flags: flags, verb: "etcd", noProbe: true}, etcdFlags: etcdFlags{backupDir: defaultBackupDir}}
	cmd := &cobra.Command{
		Use:                   "verify FILE[@NODE]",
		DisableFlagsInUseLine: true,
		Short:                 "Check a snapshot of etcd, on a node or on this machine",
		Long: templates.LongDesc(`
			Check a snapshot of etcd where it lies: its sums, its structure, and by restoring it and serving it once on that node, in a place
			of its own. Without a node it is a file of this machine, which is brought to a node of the cluster and goes from there with the agent.
			The etcd of the cluster is not touched. Where there is no cluster to be asked, "etcd-migrate snapshot verify FILE" does the same.`),
		Example: templates.Examples(`
			# Check a snapshot of before
			kubectl upgrade etcd verify /var/lib/etcd-backup/etcd-3.5.35-20260101T120000Z.db@cp-1

			# Check one that was downloaded
			kubectl upgrade etcd verify ./etcd-3.5.35-20260101T120000Z.db`),
		Annotations: reports(etcdVerifyReport),
		Args:        one("FILE or FILE@NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.reported(cmd.Context(), etcdVerifyReport, func(ctx context.Context) error {
				from, err := fileAt(args[0])
				if err != nil {
					return err
				}
				return e.task(ctx, func(u *upgrade.Upgrade) func(context.Context) (*upgrade.Prepared, error) {
					return func(ctx context.Context) (*upgrade.Prepared, error) { return u.PrepareEtcdVerify(ctx, from) }
				})
			})
		},
	}
	e.addAgent(cmd.Flags())
	e.addImage(cmd.Flags())
	return cmd
}

// fileAt takes FILE@NODE apart; without a node it is a file of this machine. A path may have an @ in it, the name of a node cannot.
func fileAt(arg string) (plan.EtcdBackup, error) {
	i := strings.LastIndexByte(arg, '@')
	if i < 0 && arg != "" || strings.ContainsRune(arg[i+1:], '/') {
		return plan.EtcdBackup{Path: arg}, nil
	}
	if i <= 0 || i == len(arg)-1 {
		return plan.EtcdBackup{}, fmt.Errorf("%q: want FILE, or FILE@NODE such as /var/lib/etcd-backup/etcd.db@cp-1", arg)
	}
	return plan.EtcdBackup{Path: arg[:i], Node: arg[i+1:]}, nil
}

// task does something that leaves etcd as it is: it needs no yes, and no record.
func (e *etcd) task(ctx context.Context, prepare func(*upgrade.Upgrade) func(context.Context) (*upgrade.Prepared, error)) error {
	opts, err := e.etcdOptions()
	if err != nil {
		return err
	}
	return e.with(ctx, opts, func(ctx context.Context, _ *kube.Client, u *upgrade.Upgrade, v ui.View) error {
		p, err := e.prepare(ctx, prepare(u))
		if p != nil {
			e.report.Findings, e.report.Plan = p.Findings, p.Plan
			v.Pause(func() { report.Findings(e.in.ErrOut, p.Findings) })
			e.streamPlan()
		}
		if err != nil {
			return err
		}
		outcome, err := u.Do(ctx, p, v, e.in.Stop)
		if err != nil {
			return err
		}
		e.report.Steps, e.report.Etcd = outcome.Steps, etcdDone(u)
		err = e.ended(outcome)
		if !e.machine() && e.report.Etcd != nil {
			v.Pause(func() { report.WriteEtcdDone(e.in.Out, e.report.Etcd) })
		}
		if err != nil {
			e.report.Next = e.command()
			v.Pause(func() { fmt.Fprintf(e.in.ErrOut, "\netcd is as it was.\nto try again: %s\n", e.report.Next) })
		}
		return err
	})
}

func newEtcdDowngrade(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newEtcdDowngradeWith(&etcd{runner: runner{in: in}}, flags)
}

func newEtcdDowngradeWith(e *etcd, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e.flags, e.verb, e.needTo, e.downgrade = flags, "etcd downgrade", true, true
	cmd := &cobra.Command{
		Use:                   "downgrade --to VERSION",
		DisableFlagsInUseLine: true,
		Short:                 "Take every member of etcd back to an older release",
		Long: templates.LongDesc(`
			Take every member of etcd back to an older release, by etcd's own way: the cluster is told to take its data back to the minor
			before, and when it has, its members are replaced one at a time, the leader last. That leads from 3.7 to 3.6 and from 3.6 to 3.5,
			and no further; beyond, a snapshot of the older release is the way.

			The plan is shown and has to be confirmed, with a snapshot before the first change, as for an upgrade.`),
		Example: templates.Examples(`
			# Back to the best release of 3.5 that is at hand
			kubectl upgrade etcd downgrade --to 3.5`),
		Annotations: reports(etcdReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reported(cmd.Context(), etcdReport, e.do)
		},
	}
	e.typed = cmd.Flags()
	cmd.Flags().StringVar(&e.to, "to", "", "The release to go back to, such as 3.5 or 3.5.35. (required)")
	e.addSave(cmd.Flags())
	cmd.Flags().BoolVarP(&e.yes, "yes", "y", false, "Do not ask for confirmation of the plan.")
	cmd.Flags().BoolVar(&e.dryRun, "dry-run", false, "Stop after the plan.")
	cmd.Flags().BoolVar(&e.noProbe, "no-probe", false, "Do not measure whether the API endpoint answers during the downgrade.")
	e.addEtcd(cmd.Flags())
	etcdMinors(cmd)
	return cmd
}
