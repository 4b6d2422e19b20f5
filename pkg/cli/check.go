package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// checker is one "check" command.
type checker struct {
	runner
	// hosts has the hosts asked, too.
	hosts bool
}

func newCheck(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	c := &checker{runner: runner{in: in, flags: flags, dryRun: true}}
	c.fetchAtOnce = plan.DefaultFetchAtOnce // it has no flag for it
	cmd := &cobra.Command{
		Use:                   "check --to VERSION",
		DisableFlagsInUseLine: true,
		Short:                 "Find what a release would break, before anything moves",
		Long: templates.LongDesc(`
			Find what in this cluster would break on the way to a Kubernetes version: APIs that end and who uses them, flags and feature gates
			that components know no more, versions that do not go together, names that changed, what a drain cannot move, what is about to end
			or is not well. Every finding names all offenders, what to do about it, and where it is told of.

			Without --hosts only the API server is asked, and this machine's kubectl for its version: nothing is sent to a node, and rights to read
			are enough. With --hosts the agent looks at kubelet flags, certificates, packages, keys of package sources, images and disks of every
			node and at the health of etcd as well, and is taken away again.

			The exit code is 2 when something stands in the way, so that it can be used in scripts.`),
		Example: templates.Examples(`
			# What would 1.34 break
			kubectl upgrade check --to v1.34.4

			# On the hosts, too
			kubectl upgrade check --to v1.34.4 --hosts

			# As for an upgrade that leaves etcd alone
			kubectl upgrade check --to v1.34.4 --etcd keep

			# In a pipeline: all findings as JSON
			kubectl upgrade check --to v1.34.4 -o json`),
		Annotations: reports(checkReport),
		Args:        none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.reported(cmd.Context(), checkReport, c.do)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&c.to, "to", "", "The Kubernetes version to check for, such as v1.34.4. (required)")
	fs.BoolVar(&c.hosts, "hosts", false, "Send the agent to look at the hosts, too.")
	c.addAgent(fs)
	c.addAllowed(fs)
	c.addSkip(fs)
	c.addVia(fs)
	c.addWorkers(fs)
	c.addKeepEtcd(fs)
	releases(cmd, flags)
	return cmd
}

// checkOptions checks the flags. The agent's image has to be known only where it is sent.
func (c *checker) checkOptions() (upgrade.Options, error) {
	o := upgrade.Options{Agent: c.agentOptions(), AgentTimeout: c.agentTimeout, KeepAgent: c.keepAgent, SkipChecks: c.skipChecks}
	o.Plan.DeleteEmptyDir, o.Plan.Force, o.Plan.DisableEviction = c.deleteEmptyDir, c.force, c.disableEviction
	if c.to == "" {
		return o, errors.New("--to is required: the Kubernetes version to check for, such as --to v1.34.4")
	}
	if err := c.checkOutput(); err != nil {
		return o, err
	}
	if c.hosts {
		if err := c.checkAgent(&o); err != nil {
			return o, err
		}
	}
	if err := hazard.CheckSkips(c.skipChecks); err != nil {
		return o, fmt.Errorf("--skip-check: %w", err)
	}
	if err := c.versions(&o); err != nil {
		return o, err
	}
	return o, c.workers(&o)
}

func (c *checker) do(ctx context.Context) error {
	opts, err := c.checkOptions()
	if err != nil {
		return err
	}
	opts.Command = c.command()
	return c.with(ctx, opts, func(ctx context.Context, _ *kube.Client, u *upgrade.Upgrade, v ui.View) error {
		look := u.Check
		if c.hosts {
			look = u.CheckHosts
		}
		p, err := c.prepare(ctx, look)
		if _, blocked := errors.AsType[*upgrade.BlockedError](err); p == nil || err != nil && !blocked {
			return err
		}
		c.report.Findings, c.report.To = p.Findings, p.To
		if p.Cluster != nil {
			c.report.From = p.Cluster.Kubeadm.KubernetesVersion
		}
		c.streamPlan()
		if c.output == "" {
			v.Pause(func() { c.show(p) })
		}
		return err
	})
}

// show writes what was found, as data unless that is for a machine: it is what was asked for.
func (c *checker) show(p *upgrade.Prepared) {
	w := c.text()
	report.Findings(w, p.Findings)
	blocking := 0
	for _, f := range p.Findings {
		if f.Severity == preflight.Error {
			blocking++
		}
	}
	if len(p.Findings) == 0 {
		fmt.Fprintf(w, "Nothing was found that stands in the way of %s.\n", p.To)
		return
	}
	fmt.Fprintf(w, "\n%d in the way of %s, %d to know of.\n", blocking, p.To, len(p.Findings)-blocking)
}
