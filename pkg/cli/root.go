// Package cli is the command line: flags, exit codes, and who gets which output. What the commands do is in package upgrade.
package cli

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd/options"
	"k8s.io/kubectl/pkg/util/templates"
)

// Invocation is how the process was started.
type Invocation struct {
	genericiooptions.IOStreams
	// Stop is closed at the first interrupt: the current step is finished and no other is started.
	Stop <-chan struct{}
	// Args are the arguments, to print a command to go on with.
	Args []string
}

// NewRoot makes the command tree. Errors are returned, not printed.
func NewRoot(in Invocation) *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use: "upgrade",
		// kubectl runs plugins under their own file name; help has to show what the user types.
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl upgrade"},
		Short:       "Upgrade clusters that were built with kubeadm",
		Long: templates.LongDesc(`
			Upgrade a cluster that was built with kubeadm, from the operator's machine and without SSH.

			The cluster is observed, judged and planned first; nothing changes before the plan was shown and confirmed.
			Every step finds out by looking whether it is done already, so that the same command again continues an upgrade that was cut short.`),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Run:               func(cmd *cobra.Command, _ []string) { _ = cmd.Help() },
		Args:              cobra.NoArgs,
	}
	root.SetIn(in.In)
	root.SetOut(in.Out)
	root.SetErr(in.ErrOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return err })
	flags.AddFlags(root.PersistentFlags())
	groups := templates.CommandGroups{{
		Message:  "Upgrade Commands:",
		Commands: []*cobra.Command{newPlan(in, flags), newCluster(in, flags)},
	}}
	groups.Add(root)
	templates.ActsAsRootCommand(root, []string{"options"}, groups...)
	root.AddCommand(newVersion(in), options.NewCmdOptions(in.Out))
	return root
}
