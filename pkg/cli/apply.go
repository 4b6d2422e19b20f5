package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// apply is one "apply" command. Its flags are handed to the command that runs plans of the kind.
type apply struct {
	in    Invocation
	flags *genericclioptions.ConfigFlags
	cmd   *cobra.Command
}

func newApply(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	a := &apply{in: in, flags: flags}
	e := &etcd{}
	cmd := &cobra.Command{
		Use:                   "apply FILE",
		DisableFlagsInUseLine: true,
		Short:                 "Run a saved plan, and nothing else",
		Long: templates.LongDesc(`
			Run the plan of a file, as "kubectl upgrade plan --save" and "kubectl upgrade etcd plan --save" write it.

			The plan brings the version and every choice with it. The cluster is observed and planned for again; if that gives another plan,
			the saved one is stale, and it is refused with what has changed. What is left of a plan that was begun and cut short is another
			plan, too: the command to go on with is printed then.`),
		Example: templates.Examples(`
			# Have a plan looked through, and run that and nothing else
			kubectl upgrade plan --to v1.34.2 --save plan.json
			kubectl upgrade apply plan.json`),
		Annotations:       reports(clusterReport),
		Args:              one("file of a plan"),
		ValidArgsFunction: files("json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.do(cmd.Context(), args[0])
		},
	}
	a.cmd = cmd
	cmd.Flags().BoolVarP(&e.yes, "yes", "y", false, "Do not ask for confirmation of the plan.")
	cmd.Flags().BoolVar(&e.noProbe, "no-probe", false, "Do not measure whether the API endpoint answers during the upgrade.")
	e.addAgent(cmd.Flags())
	e.addOrigins(cmd.Flags())
	e.addImage(cmd.Flags())
	return cmd
}

func (a *apply) do(ctx context.Context, file string) error {
	run := a.runs(file) //nolint:contextcheck // the command that it makes is never executed; its context is this one
	// What is wrong with the flags or the file is reported as the flags ask for it, as far as they can be understood.
	handErr := a.hand(run.typed)
	return run.reported(ctx, run.report.Kind, func(ctx context.Context) error {
		if handErr != nil {
			return handErr
		}
		return run.do(ctx)
	})
}

// planned is the command that runs plans of a kind.
type planned struct {
	*runner
	do func(context.Context) error
}

// runs gives the command for the plan in a file. What is no plan is left to the command for clusters, which says so.
func (a *apply) runs(file string) planned {
	r := &runner{in: a.in}
	out := planned{r, r.upgrade}
	text, err := os.ReadFile(file)
	// It may come out of a pipe, which gives it once.
	r.planText = text
	if err != nil || plan.KindOf(text) != plan.EtcdKind {
		newClusterWith(r, a.flags)
		r.report.Kind = clusterReport
	} else {
		e := &etcd{runner: *r}
		out = planned{&e.runner, e.do}
		e.report.Kind = etcdReport
		if p, err := plan.Read(text, plan.EtcdKind); err == nil && p.Etcd != nil && p.Etcd.Options.Downgrade {
			newEtcdDowngradeWith(e, a.flags)
		} else {
			newEtcdWith(e, a.flags)
		}
	}
	out.planFile, out.applied = file, true
	return out
}

// hand sets the flags that were typed for the command that runs the plan.
func (a *apply) hand(to *pflag.FlagSet) error {
	var first error
	shared := a.cmd.InheritedFlags()
	a.cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		switch {
		case shared.Lookup(f.Name) != nil:
			// All commands have the same one; the command to go on with needs it, or it would lead to another cluster.
			to.AddFlag(f)
			return
		case to.Lookup(f.Name) == nil:
			first = cmp.Or(first, fmt.Errorf("--%s: the plan is of a kind that has no use for it", f.Name))
			return
		}
		for _, v := range values {
			first = cmp.Or(first, to.Set(f.Name, v))
		}
	})
	return first
}
