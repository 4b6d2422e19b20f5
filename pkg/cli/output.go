package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
)

// machine tells whether a program reads standard output.
func (f *upgradeFlags) machine() bool { return f.output != "" || f.events != "" }

// text is where plans and tables for people go.
func (r *runner) text() io.Writer {
	if r.machine() {
		return r.in.ErrOut
	}
	return r.in.Out
}

// checkOutput checks the flags that say what is written where. What cannot be written is told before the run that it is about.
func (f *upgradeFlags) checkOutput() error {
	switch {
	case !slices.Contains([]string{"", "json", "yaml"}, f.output):
		return fmt.Errorf("--output: %q is none of json, yaml", f.output)
	case f.events != "" && f.events != "json":
		return fmt.Errorf("--events: %q is not known: want json", f.events)
	case f.events != "" && f.output != "":
		return errors.New("--events: standard output has the events then, and the report cannot go there: keep it in a file with --report, and leave --output out")
	}
	for i, file := range f.reports {
		err := report.Replaceable(file)
		if !slices.Contains(report.Formats(), strings.ToLower(filepath.Ext(file))) {
			err = fmt.Errorf("%q does not end in one of %s", file, strings.Join(report.Formats(), ", "))
		}
		if err != nil {
			f.reports = slices.Delete(f.reports, i, i+1) // or writing it would fail once more
			return fmt.Errorf("--report: %w", err)
		}
	}
	if f.save != "" {
		if err := report.Replaceable(f.save); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	return nil
}

// reported does what a command does, and writes the report of it.
func (r *runner) reported(ctx context.Context, kind string, do func(context.Context) error) error {
	// An upgrade goes on when nobody reads its output any more. Who only looks, such as status, ends with its reader.
	signal.Ignore(syscall.SIGPIPE)
	r.report = report.Report{APIVersion: plan.APIVersion, Kind: kind, Started: time.Now()}
	if r.events == "json" && r.output == "" {
		r.stream = event.NewLines(r.in.Out, r.report.Started, r.lost)
	}
	err := do(ctx)
	r.report.ExitCode = Code(err)
	r.report.Result = result(err, r.empty)
	r.report.Took = plan.Duration(time.Since(r.report.Started))
	if err != nil {
		r.report.Error = err.Error()
	}
	r.report.Findings = report.Explained(r.report.Findings)
	if writeErr := r.write(); writeErr != nil {
		return errors.Join(err, &unreportedError{writeErr, r.report.Result, r.report.ExitCode, len(r.report.Steps) > 0})
	}
	return err
}

// write writes the report to wherever it was asked for.
func (r *runner) write() error {
	var errs []error
	for _, file := range r.reports {
		if !slices.Contains(report.Formats(), strings.ToLower(filepath.Ext(file))) {
			continue // which is what the error is about
		}
		if err := report.WriteFile(file, &r.report); err != nil {
			errs = append(errs, fmt.Errorf("--report: %w", err))
			continue
		}
		fmt.Fprintf(r.in.ErrOut, "The report is in %s\n", file)
	}
	if r.stream != nil {
		brief := r.report
		brief.Findings, brief.Plan = nil, nil // they have been streamed
		r.stream.Document(time.Now(), "result", brief)
		r.stream.Close()
		return errors.Join(errs...)
	}
	text, err := r.encoded()
	if err == nil {
		_, err = r.in.Out.Write(text)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("write report: %w", err))
	}
	return errors.Join(errs...)
}

// encoded is the report as standard output has it; nothing where nobody asked for it.
func (r *runner) encoded() ([]byte, error) {
	switch r.output {
	case "json":
		text, err := json.MarshalIndent(r.report, "", "  ")
		return append(text, '\n'), err
	case "yaml":
		return yaml.Marshal(r.report)
	}
	return nil, nil
}

// streamPlan writes findings and plan to the stream, if there is one.
func (r *runner) streamPlan() {
	if r.stream == nil {
		return
	}
	if len(r.report.Findings) > 0 {
		r.stream.Document(time.Now(), "findings", report.Explained(r.report.Findings))
	}
	if r.report.Plan != nil {
		r.stream.Document(time.Now(), "plan", r.report.Plan)
	}
}
