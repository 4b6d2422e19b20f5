package cli

import (
	"context"
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
	if err == nil || kind == "" || !wantsJSON(in.Args) {
		return err
	}
	r := runner{in: in}
	r.output = "json"
	return r.reported(cmd.Context(), kind, func(context.Context) error { return err })
}

// wantsJSON looks at the arguments themselves: what comes after a flag that is wrong has not been parsed.
func wantsJSON(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return slices.Contains([]string{"-ojson", "-o=json", "--output=json"}, a) }) ||
		strings.Contains(" "+strings.Join(args, " ")+" ", " -o json ") || strings.Contains(" "+strings.Join(args, " ")+" ", " --output json ")
}
