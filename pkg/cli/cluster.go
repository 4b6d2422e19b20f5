package cli

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"
)

func newCluster(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newClusterWith(&runner{in: in}, flags)
}

func newClusterWith(r *runner, flags *genericclioptions.ConfigFlags) *cobra.Command {
	r.flags, r.needTo = flags, true
	cmd := &cobra.Command{
		Use:                   "cluster (--to VERSION | --plan FILE)",
		DisableFlagsInUseLine: true,
		Short:                 "Upgrade the control plane and every node to a Kubernetes version",
		Long: templates.LongDesc(`
			Upgrade the control plane and every node of a kubeadm cluster to a Kubernetes version.

			The plan is shown and has to be confirmed. Packages and images are fetched on every node before anything changes.
			Then the control plane is upgraded, minor by minor, and node by node: cordon, drain, packages, kubelet, uncordon.
			The next node waits until the one before is Ready and the control plane answers from every host.

			With --plan, exactly the plan of a file is run: it brings the version and every choice with it, and is refused if the plan
			that would be made now is another one.

			Run the same command again to continue an upgrade that was cut short. What is left of a saved plan is another plan; the
			command to go on with is printed.`),
		Example: templates.Examples(`
			# Upgrade the cluster of the current context
			kubectl upgrade cluster --to v1.34.2

			# Several minors at once, two workers at a time, and a look at the first worker before the others
			kubectl upgrade cluster --to v1.35.1 --max-unavailable 2 --pause-after first-worker

			# Show the plan and change nothing
			kubectl upgrade cluster --to v1.34.2 --dry-run

			# Have a plan looked through, and run that and nothing else
			kubectl upgrade plan --to v1.34.2 --save plan.json
			kubectl upgrade apply plan.json

			# Upgrade without asking, and keep a report to look at and one for programs
			kubectl upgrade cluster --to v1.34.2 --yes --report upgrade.html --report upgrade.json`),
		Annotations: reports(clusterReport),
		Args:        none,
		RunE:        func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	r.typed = cmd.Flags()
	cmd.Flags().StringVar(&r.to, "to", "", "The Kubernetes version to upgrade to, such as v1.34.2. (required, unless --plan brings it)")
	cmd.Flags().StringVar(&r.planFile, "plan", "", "File with the only plan to run, as 'kubectl upgrade plan -o json' prints it.")
	cmd.Flags().BoolVarP(&r.yes, "yes", "y", false, "Do not ask for confirmation of the plan.")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "Stop after the plan.")
	cmd.Flags().BoolVar(&r.noProbe, "no-probe", false, "Do not measure whether the API endpoint answers during the upgrade.")
	r.add(cmd.Flags())
	releases(cmd, r.flags)
	return cmd
}

func newPlan(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	r := &runner{in: in, flags: flags, dryRun: true}
	cmd := &cobra.Command{
		Use:                   "plan [--to VERSION]",
		DisableFlagsInUseLine: true,
		Short:                 "Show what an upgrade would do, and what stands in its way",
		Long: templates.LongDesc(`
			Show what runs where, what an upgrade to a Kubernetes version would do step by step, and what stands in its way.

			Without --to, the newest version is taken that the nodes' package sources offer.
			The agent is sent to the nodes to look at packages and images, and taken away again; an image of the release is pulled to see that
			nodes can. Nothing else changes.`),
		Example: templates.Examples(`
			# What can this cluster be upgraded to, and how
			kubectl upgrade plan

			# The plan for a version, to be run later with "kubectl upgrade apply plan.json"
			kubectl upgrade plan --to v1.34.2 --save plan.json`),
		Annotations: reports(clusterReport),
		Args:        none,
		RunE:        func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&r.to, "to", "", "The Kubernetes version to plan for, such as v1.34.2.")
	r.addSave(cmd.Flags())
	r.add(cmd.Flags())
	releases(cmd, r.flags)
	return cmd
}
