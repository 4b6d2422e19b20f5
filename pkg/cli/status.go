package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
)

// status is one "status" command.
type status struct {
	in     Invocation
	flags  *genericclioptions.ConfigFlags
	watch  bool
	output string

	client *kube.Client
	// run is the record as it was read last; nil when there was none.
	run *record.Run
}

func newStatus(in Invocation, flags *genericclioptions.ConfigFlags) *cobra.Command {
	s := &status{in: in, flags: flags}
	cmd := &cobra.Command{
		Use:                   "status [--watch]",
		DisableFlagsInUseLine: true,
		Short:                 "Show how far an upgrade is, from any machine",
		Long: templates.LongDesc(`
			Show the upgrade of this cluster that goes on or was cut short: who runs it and whether that process is alive, where every node
			stands, what is waited for, and the command to go on with.

			It can be run by anybody who may read ConfigMaps in namespace kube-system, from any machine.`),
		Example: templates.Examples(`
			# How far is it
			kubectl upgrade status

			# Follow it to its end
			kubectl upgrade status --watch

			# One JSON document for every change
			kubectl upgrade status --watch -o json`),
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.do(cmd.Context()) },
	}
	cmd.Flags().BoolVarP(&s.watch, "watch", "w", false, "Follow the upgrade until it ends, or until Ctrl-C.")
	cmd.Flags().StringVarP(&s.output, "output", "o", "", "Output format: json, or nothing for text. With --watch, one document for every change.")
	if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
	return cmd
}

func (s *status) do(ctx context.Context) error {
	if s.output != "" && s.output != "json" {
		return fmt.Errorf("--output: %q is not known: want json", s.output)
	}
	var err error
	s.client, err = kube.New(s.flags, func(text string) { fmt.Fprintln(s.in.ErrOut, "warning:", text) })
	if err != nil {
		return err
	}
	now, err := s.look(ctx)
	if apierrors.IsForbidden(err) || errors.Is(err, record.ErrBroken) {
		return err
	}
	if err != nil {
		return kube.ExplainConnection(s.client.Config, err)
	}
	if s.watch && now.State == record.Running {
		return s.follow(ctx, now)
	}
	return s.print(now)
}

// print writes one status.
func (s *status) print(now report.Status) error {
	if s.output == "" {
		report.WriteStatus(s.in.Out, now)
		return nil
	}
	enc := json.NewEncoder(s.in.Out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(now); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// look reads what the cluster knows, and what this machine knows of the same run.
func (s *status) look(ctx context.Context) (report.Status, error) {
	run, err := record.Read(ctx, s.client)
	if err != nil {
		return report.Status{}, err
	}
	holder, err := record.ReadHolder(ctx, s.client, s.client.Now)
	if err != nil {
		return report.Status{}, err
	}
	var last *record.Run
	if run == nil {
		last, err = s.last(ctx)
	} else if last, err = record.Local(run.ClusterUID, run.ID); err == nil {
		run = record.Merge(run, last)
	}
	if err != nil {
		fmt.Fprintln(s.in.ErrOut, "warning:", err)
	}
	s.run = run
	return report.NewStatus(run, holder, last, time.Now()), nil
}

// last is the last run that this machine knows of. Which cluster it is only the namespace tells; who may not read that is told nothing of it.
func (s *status) last(ctx context.Context) (*record.Run, error) {
	ns, err := s.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return nil, nil //nolint:nilerr // it is a courtesy, and needs a right that status does without
	}
	return record.Local(string(ns.UID), "")
}
