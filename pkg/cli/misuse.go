package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Kinds of reports.
const (
	clusterReport      = "ClusterUpgradeReport"
	checkReport        = "ClusterCheckReport"
	abortReport        = "ClusterAbortReport"
	etcdReport         = "EtcdUpgradeReport"
	etcdStatusReport   = "EtcdStatusReport"
	etcdSnapshotReport = "EtcdSnapshotReport"
	etcdVerifyReport   = "EtcdVerifyReport"
	etcdRestoreReport  = "EtcdRestoreReport"
)

// reportKind is the annotation of a command that says which report it writes.
const reportKind = "report"

func reports(kind string) map[string]string { return map[string]string{reportKind: kind} }

// reportMisuse has commands that write reports write one for flags and arguments that they do not take, too: who reads JSON has
// nothing else to read.
func reportMisuse(in Invocation, cmd *cobra.Command) {
	if check := cmd.Args; check != nil && cmd.Annotations[reportKind] != "" {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return misused(in, cmd, check(cmd, args)) }
	}
	for _, c := range cmd.Commands() {
		reportMisuse(in, c)
	}
}

func misused(in Invocation, cmd *cobra.Command, err error) error {
	kind := cmd.Annotations[reportKind]
	r := runner{in: in}
	if err == nil || kind == "" || !r.wants(in.Args) {
		return err
	}
	return r.reported(cmd.Context(), kind, func(context.Context) error { return err })
}

// wants looks at the arguments themselves for what is read by programs: what comes after a flag that is wrong has not been parsed.
func (r *runner) wants(args []string) bool {
	text := " " + strings.Join(args, " ") + " "
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, " "+w+" ") })
	}
	switch {
	case has("--events json", "--events=json"):
		r.events = "json"
	case has("-ojson", "-o=json", "-o json", "--output json", "--output=json"):
		r.output = "json"
	case has("-oyaml", "-o=yaml", "-o yaml", "--output yaml", "--output=yaml"):
		r.output = "yaml"
	}
	return r.machine()
}

// one wants a single word.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("%s: want one %s, got %d words: see %s --help", cmd.CommandPath(), what, len(args), cmd.CommandPath())
	}
}

// none wants no word. A command that has others below it takes one for the name of such.
func none(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return fmt.Errorf("unknown command %q for %q: see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
	}
	return fmt.Errorf("%s takes no word %q: a version goes with --to; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
}
