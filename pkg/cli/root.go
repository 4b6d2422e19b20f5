// Package cli is the command line: flags, exit codes, and who gets which output. What the commands do is in package upgrade.
package cli

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd/options"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// Invocation is how the process was started.
type Invocation struct {
	genericiooptions.IOStreams
	// Stop is closed at the first interrupt: the current step is finished and no other is started.
	Stop <-chan struct{}
	// Args are the arguments, to print a command to go on with.
	Args []string
}

// NewRoot makes the command tree, ready to be executed. Errors are returned, not printed.
func NewRoot(in Invocation) *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use:   "upgrade",
		Short: "Upgrade clusters that were built with kubeadm, and their etcd",
		Long: templates.LongDesc(`
			Upgrade a cluster that was built with kubeadm, from the operator's machine and without SSH.

			The cluster is observed, judged and planned first; nothing changes before the plan was shown and confirmed.
			Every step finds out by looking whether it is done already, so that the same command again continues an upgrade that was cut short.`),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Run:               func(cmd *cobra.Command, _ []string) { _ = cmd.Help() },
		Args:              none,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(in, cmd, err) })
	flags.AddFlags(root.PersistentFlags())
	kube.AddLogFlags(root.PersistentFlags(), in.ErrOut)
	opts := options.NewCmdOptions(in.Out)
	opts.Hidden = true // help names it where it is of use
	root.AddCommand(newCheck(in, flags), newPlan(in, flags), newCluster(in, flags), newApply(in, flags), newEtcd(in, flags), newAbort(in, flags), newBundle(in), newStatus(in, flags), newExplain(in), newVersion(in), opts)
	reportMisuse(in, root)
	completions(root, flags)
	// kubectl runs plugins under their own file name, but help has to show what the user types, and kubectl's templates make that from the parents.
	kubectl := &cobra.Command{Use: "kubectl", SilenceErrors: true, SilenceUsage: true, CompletionOptions: root.CompletionOptions}
	kubectl.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	kubectl.AddCommand(root)
	templates.ActsAsRootCommand(kubectl, []string{"options"})
	kubectl.SetIn(in.In)
	kubectl.SetOut(in.Out)
	kubectl.SetErr(in.ErrOut)
	kubectl.SetArgs(asRoot(in.Args))
	return kubectl
}
