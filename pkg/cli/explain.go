package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/explain"
)

func newExplain(in Invocation) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:                   "explain [-o json] [FINDING | LOG LINE | -]",
		DisableFlagsInUseLine: true,
		Short:                 "Explain a finding, or a line that etcd, the kubelet or kubeadm ended with",
		Long: templates.LongDesc(`
			Explain a finding of preflight, or a line of a log that etcd, the kubelet or kubeadm ended with: the cause, what to do, and where it
			is told of. No cluster is asked.

			With "-", every line of standard input is looked at, such as those of a whole log. Without anything, all that can be explained is
			listed.`),
		Example: templates.Examples(`
			# What is behind a finding
			kubectl upgrade explain pdb-never

			# What a log line means
			kubectl upgrade explain 'detected disallowed v2 WAL for stage --v2-deprecation=write-only'

			# What of a whole log is known
			journalctl -u kubelet -e | kubectl upgrade explain -`),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, r := range explain.Rows() {
				out = append(out, cobra.CompletionWithDesc(r.ID, r.From))
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 && oneWord(args[0]) {
				if err := cmd.Flags().Parse(args[1:]); err != nil {
					return err
				}
				args = append(args[:1:1], cmd.Flags().Args()...)
			}
			if output != "" && output != "json" {
				return fmt.Errorf("--output: %q is not known: want json", output)
			}
			rows, err := explained(in.In, args)
			if err != nil {
				return err
			}
			return writeRows(in.Out, rows, output, len(args) == 0)
		},
	}
	// A log line may have words in it that look like flags.
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVarP(&output, "output", "o", "", "Output format: json, or nothing for text.")
	if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
	return cmd
}

// oneWord tells an argument that flags may follow from the first word of a log line.
func oneWord(arg string) bool {
	return arg == "-" || slices.ContainsFunc(explain.Rows(), func(r explain.Row) bool { return r.ID == arg })
}

// explained gives the rows for the arguments.
func explained(in io.Reader, args []string) ([]explain.Row, error) {
	switch {
	case len(args) == 0:
		return explain.Rows(), nil
	case len(args) == 1 && args[0] == "-":
		return explainedLines(in)
	}
	text := strings.Join(args, " ")
	if rows := explain.Find(text); len(rows) > 0 {
		return rows, nil
	}
	err := fmt.Errorf("explain %q: nothing is known of it", text)
	if near := explain.Near(text); len(near) > 0 && len(near) < 10 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
	}
	return nil, err
}

// explainedLines gives the rows for whatever lines are known, in the order in which they come, once each.
func explainedLines(in io.Reader) ([]explain.Row, error) {
	var out []explain.Row
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20) // etcd writes long ones
	for lines.Scan() {
		rows := explain.Find(lines.Text())
		if len(rows) > 0 && !slices.ContainsFunc(out, func(r explain.Row) bool { return r.ID == rows[0].ID }) {
			out = append(out, rows[0])
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("explain standard input: nothing is known of any of its lines")
	}
	return out, nil
}

func writeRows(w io.Writer, rows []explain.Row, output string, list bool) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	if list {
		t := printers.GetNewTabWriter(w)
		fmt.Fprintln(t, "ID\tSAID BY\tCAUSE")
		for _, r := range rows {
			first, _, _ := strings.Cut(r.Cause, ": ")
			first, _, _ = strings.Cut(first, ". ")
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.ID, r.From, strings.TrimSuffix(first, "."))
		}
		return t.Flush()
	}
	for i, r := range rows {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s (%s)\n", r.ID, r.From)
		for _, part := range []struct{ name, text string }{{"cause", r.Cause}, {"fix", r.Fix}, {"see", r.Source}} {
			fmt.Fprintf(w, "  %-6s %s\n", part.name+":", wrapped(part.text, 9))
		}
	}
	return nil
}

// wrapped breaks text at words, so that it is read easily, with an indent for every line but the first.
func wrapped(text string, indent int) string {
	const width = 100
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
