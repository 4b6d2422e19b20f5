package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// etcd is one command that takes etcd to another release, or plans it.
type etcd struct {
	runner
	etcdFlags
}

// etcdFlags are the choices about etcd.
type etcdFlags struct {
	migrateImage  string
	backupDir     string
	download      string
	repository    string
	allowDowntime bool
	dropV2        bool
	downgrade     bool
}

func newEtcd(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newEtcdWith(&etcd{runner: runner{in: in}}, flags)
}

func newEtcdWith(e *etcd, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e.flags, e.verb, e.needTo = flags, "etcd", true
	in := e.in
	cmd := &cobra.Command{
		Use:                   "etcd (--to VERSION | --plan FILE)",
		DisableFlagsInUseLine: true,
		Short:                 "Upgrade every member of etcd to another release",
		Long: templates.LongDesc(`
			Upgrade every member of the etcd behind this cluster, minor by minor, where it runs on nodes of the cluster: as kubeadm's static
			pods, or as services of the hosts.

			The plan is shown, with the changes to each member's manifest or unit, and has to be confirmed. Before the first change a snapshot
			is taken, and checked by restoring and serving it once. Then, for each release on the way, one member at a time is replaced, the
			leader last. A member that does not come back is put back as it was. A release is over only when all members agree on version,
			storage, index, leases and the hash of all keys.

			API servers up to 1.12 may keep their objects by etcd's v2 API. With --allow-downtime they, and all members at once, go over to the v3
			API at any later release. For a minute or two nobody can use the API then. What a host cannot do is undone.

			The version is a release such as 3.6.11, or a minor such as 3.6, whose best release that is at hand is taken.

			Run the same command again to continue an upgrade that was cut short.`),
		Example: templates.Examples(`
			# Upgrade etcd to the best release of 3.6
			kubectl upgrade etcd --to 3.6

			# Only show what would be done
			kubectl upgrade etcd plan --to 3.6

			# Keep a copy of the snapshot on this machine, and take the images from etcd's own registry
			kubectl upgrade etcd --to 3.6.11 --download . --etcd-image-repository gcr.io/etcd-development/etcd

			# From etcd 2.3 and its v2 API to 3.2
			kubectl upgrade etcd --to 3.2 --allow-downtime

			# What runs where
			kubectl upgrade etcd status`),
		Annotations: reports(etcdReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reported(cmd.Context(), etcdReport, e.do)
		},
	}
	e.typed = cmd.Flags()
	cmd.Flags().StringVar(&e.to, "to", "", "The release to upgrade to, such as 3.6 or 3.6.11. (required, unless --plan brings it)")
	cmd.Flags().StringVar(&e.planFile, "plan", "", "File with the only plan to run, as 'kubectl upgrade etcd plan -o json' prints it.")
	cmd.Flags().BoolVarP(&e.yes, "yes", "y", false, "Do not ask for confirmation of the plan.")
	cmd.Flags().BoolVar(&e.dryRun, "dry-run", false, "Stop after the plan.")
	cmd.Flags().BoolVar(&e.noProbe, "no-probe", false, "Do not measure whether the API endpoint answers during the upgrade.")
	e.addEtcd(cmd.Flags())
	cmd.AddCommand(newEtcdPlan(in, flags), newEtcdStatus(in, flags), newEtcdSnapshot(in, flags), newEtcdVerify(in, flags), newEtcdRestore(in, flags), newEtcdDowngrade(in, flags))
	etcdMinors(cmd)
	return cmd
}

func newEtcdPlan(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	e := &etcd{runner: runner{in: in, flags: flags, verb: "etcd", dryRun: true}}
	cmd := &cobra.Command{
		Use:                   "plan [--to VERSION]",
		DisableFlagsInUseLine: true,
		Short:                 "Show what an upgrade of etcd would do, step by step",
		Long: templates.LongDesc(`
			Show where etcd runs, what an upgrade of it would do step by step, and what stands in its way.

			Without --to, the newest release is taken that every member can get. The agent is sent to the nodes that have to do with etcd, and
			taken away again; images that are looked for are pulled. Nothing else changes.`),
		Example: templates.Examples(`
			# What can etcd be upgraded to, and how
			kubectl upgrade etcd plan

			# The plan for a release, to be run later with "kubectl upgrade apply plan.json"
			kubectl upgrade etcd plan --to 3.6 --save plan.json`),
		Annotations: reports(etcdReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reported(cmd.Context(), etcdReport, e.do)
		},
	}
	cmd.Flags().StringVar(&e.to, "to", "", "The release to plan for, such as 3.6 or 3.6.11.")
	e.addSave(cmd.Flags())
	e.addEtcd(cmd.Flags())
	etcdMinors(cmd)
	return cmd
}

// addEtcd adds what the upgrade and its plan share.
func (e *etcd) addEtcd(fs *pflag.FlagSet) {
	e.addAgent(fs)
	e.addImage(fs)
	e.addBackup(fs)
	e.addSkip(fs)
	fs.StringSliceVar(&e.via, "via", nil, "Releases to pass through, such as 3.5.35. By default the best that is at hand of each minor between.")
	fs.BoolVar(&e.allowDowntime, "allow-downtime", false, "Allow that nobody can use the API for a minute or two while objects that are kept by etcd's v2 API go over to the v3 API.")
	fs.BoolVar(&e.dropV2, "drop-v2", false, "Leave behind what etcd's v2 API holds and its v3 API has no place for: users, roles and passwords; and go on although others than API servers have keys in it.")
	fs.StringVar(&e.repository, "etcd-image-repository", "", "Repository of etcd's images, such as gcr.io/etcd-development/etcd. By default that of the image that runs.")
}

// addImage adds where the programs of etcd come from.
func (f *etcdFlags) addImage(fs *pflag.FlagSet) {
	fs.StringVar(&f.migrateImage, "etcd-migrate-image", buildinfo.EtcdMigrateImage(), "Image that brings etcd-migrate and the programs of etcd's releases to the hosts. The default is the one that belongs to this release, if its build was told where it is.")
}

// addBackup adds where snapshots go.
func (f *etcdFlags) addBackup(fs *pflag.FlagSet) {
	fs.StringVar(&f.backupDir, "backup-dir", defaultBackupDir, "Directory on the member's host for the snapshot. It has to lie outside of the data directory, best on another disk.")
	fs.StringVar(&f.download, "download", "", "Directory on this machine for a copy of the snapshot.")
}

// defaultBackupDir lies beside kubeadm's /var/lib/etcd.
const defaultBackupDir = "/var/lib/etcd-backup"

// etcdOptions checks the flags. Nothing is sent to the cluster before they are all right.
func (e *etcd) etcdOptions() (upgrade.Options, error) {
	o := upgrade.Options{
		Agent: e.agentOptions(), AgentTimeout: e.agentTimeout, KeepAgent: e.keepAgent, SkipChecks: e.skipChecks,
		Etcd: upgrade.EtcdOptions{Plan: plan.EtcdOptions{
			BackupDir: path.Clean(e.backupDir), Download: e.download, ImageRepository: e.repository,
			AllowDowntime: e.allowDowntime, DropV2: e.dropV2, Downgrade: e.downgrade,
		}},
	}
	o.Agent.EtcdMigrate = e.migrateImage
	if err := e.checkAgent(&o); err != nil {
		return o, err
	}
	if err := hazard.CheckSkips(e.skipChecks); err != nil {
		return o, fmt.Errorf("--skip-check: %w", err)
	}
	if err := e.etcdVersions(&o); err != nil {
		return o, err
	}
	switch {
	case e.migrateImage == "":
		return o, fmt.Errorf("--etcd-migrate-image: this build does not know where the image of etcd-migrate is: name it, such as --etcd-migrate-image=registry.example/etcd-migrate:v1.0.0")
	case !path.IsAbs(e.backupDir):
		return o, fmt.Errorf("--backup-dir: %q is no absolute path on a host", e.backupDir)
	}
	if e.download != "" {
		if err := holdsFiles(e.download); err != nil {
			return o, fmt.Errorf("--download: %w", err)
		}
	}
	return o, nil
}

// holdsFiles tells whether files can be made in a directory, which is made itself only when there is one to keep.
func holdsFiles(dir string) error {
	for {
		switch info, err := os.Stat(dir); {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is no directory", dir)
		}
		f, err := os.CreateTemp(dir, ".kubectl-upgrade-*")
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
}

// etcdVersions reads --to and --via, which may name a minor: 3.6, v3.6.11, 3.6.11.
func (e *etcd) etcdVersions(o *upgrade.Options) error {
	if e.to != "" {
		minor, err := knowledge.EtcdMinor(e.to)
		if err != nil {
			return fmt.Errorf("--to: %w", err)
		}
		if strings.Count(e.to, ".") == 1 {
			o.Etcd.Minor = minor
		} else if o.To, err = version.Parse(e.to); err != nil {
			return fmt.Errorf("--to: %w", err)
		}
	}
	for _, text := range e.via {
		v, err := version.Parse(text)
		if err != nil {
			return fmt.Errorf("--via: %w", err)
		}
		o.Via = append(o.Via, v)
		o.Etcd.Plan.Via = append(o.Etcd.Plan.Via, v)
	}
	return nil
}

// etcdChoices are the flags that a saved plan brings.
func etcdChoices(p *plan.Plan) []choice {
	o := p.Etcd.Options
	via := make([]string, 0, len(o.Via))
	for _, v := range o.Via {
		via = append(via, v.Bare())
	}
	out := []choice{
		{flag: "to", value: p.To.Bare()},
		{flag: "via", value: strings.Join(via, ",")},
		{flag: "backup-dir", value: o.BackupDir},
		{flag: "download", value: o.Download},
		{flag: "etcd-image-repository", value: o.ImageRepository},
	}
	if o.AllowDowntime || o.DropV2 {
		out = append(out, choice{flag: "allow-downtime", value: strconv.FormatBool(o.AllowDowntime)}, choice{flag: "drop-v2", value: strconv.FormatBool(o.DropV2)})
	}
	return out
}

// do goes the whole way.
func (e *etcd) do(ctx context.Context) error {
	saved, err := e.loadPlan()
	if err != nil {
		return err
	}
	if e.needTo && e.to == "" {
		return errors.New("--to is required: the release of etcd to upgrade to, such as --to 3.6")
	}
	opts, err := e.etcdOptions()
	if err != nil {
		return err
	}
	opts.Saved, opts.Command = saved, e.command()
	return e.with(ctx, opts, func(ctx context.Context, client *kube.Client, u *upgrade.Upgrade, v ui.View) error {
		p, err := e.prepare(ctx, u.PrepareEtcd)
		if p != nil {
			e.report.Findings, e.report.Plan, e.report.Offered, e.report.To = p.Findings, p.Plan, p.Offered, p.To
		}
		e.streamPlan()
		if stale, ok := errors.AsType[*upgrade.StaleError](err); ok {
			return e.explainStale(v, stale)
		}
		e.showEtcd(v, p)
		if err != nil {
			return err
		}
		e.report.From, e.empty = p.Plan.From, p.Plan.Empty()
		if err := e.keepPlan(v); err != nil {
			return err
		}
		if e.dryRun {
			return nil
		}
		if e.empty {
			return u.Forget(ctx, p.Plan.Kind, p.To)
		}
		question := fmt.Sprintf("%s on %s (%s)?", p.Plan.Title(), named(p.Plan.Cluster.Context), p.Plan.Cluster.Server)
		if err := e.confirm(ctx, v, question); err != nil {
			return err
		}
		return e.execute(ctx, client, v, u, p)
	})
}

// showEtcd writes findings to the talk and the plan to where the data goes, as showPlan does.
func (e *etcd) showEtcd(v ui.View, p *upgrade.Prepared) {
	if p == nil {
		return
	}
	v.Pause(func() {
		report.Findings(e.in.ErrOut, p.Findings)
		out := e.text()
		switch {
		case p.Plan != nil:
			report.OfferedEtcd(out, p.Offered)
			report.EtcdPlan(out, p.Cluster, p.Plan)
		case p.Cluster != nil && p.Cluster.Etcd != nil:
			report.EtcdMembers(out, p.Cluster.Etcd)
		}
	})
}
