package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// loadPlan reads the saved plan, if one was asked for, and sets the flags as they were when it was made. A flag that the plan
// decides cannot be given beside it: one of the two would be ignored.
func (r *runner) loadPlan() (*plan.Plan, error) {
	if r.planFile == "" {
		return nil, nil
	}
	text := r.planText
	if text == nil {
		var err error
		if text, err = os.ReadFile(r.planFile); err != nil {
			return nil, fmt.Errorf("%s: %w", r.planSource(), err)
		}
	}
	p, err := plan.Read(text, r.kind())
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.planSource(), r.planFile, err)
	}
	pick := choices
	if p.Kind == plan.EtcdKind {
		pick = etcdChoices
	}
	for _, c := range pick(p) {
		if c.place && r.typed.Changed(c.flag) {
			continue
		}
		if r.typed.Changed(c.flag) {
			return nil, fmt.Errorf("--%s: the plan in %s decides that: leave the flag out, or make a new plan with it", c.flag, r.planFile)
		}
		if c.value == "" {
			continue
		}
		if err := r.typed.Set(c.flag, c.value); err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.planSource(), r.planFile, err)
		}
	}
	return p, nil
}

// planSource is how the saved plan was given.
func (r *runner) planSource() string {
	if r.applied {
		return "apply"
	}
	return "--plan"
}

// addSave adds where a plan is written to.
func (r *runner) addSave(fs *pflag.FlagSet) {
	fs.StringVar(&r.save, "save", "", "File to write the plan to, for 'kubectl upgrade apply'.")
}

// keepPlan writes the plan to the file that was asked for.
func (r *runner) keepPlan(v ui.View) error {
	if r.save == "" {
		return nil
	}
	text, err := json.MarshalIndent(r.report.Plan, "", "  ")
	if err == nil {
		err = report.Replace(r.save, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("--save: %w", err)
	}
	v.Pause(func() {
		fmt.Fprintf(r.in.ErrOut, "\nThe plan is in %s. To run exactly that: kubectl upgrade apply %s\n", r.save, quote(r.save))
	})
	return nil
}

// kind is that of the plans that the command runs.
func (r *runner) kind() string {
	if r.verb == "" {
		return plan.UpgradeKind
	}
	return plan.EtcdKind
}

// runVerb is the command that runs a plan, planVerb the one that makes it.
func (r *runner) runVerb() string { return cmp.Or(r.verb, "cluster") }

func (r *runner) planVerb() string {
	if r.verb == "etcd downgrade" {
		return "etcd downgrade --dry-run"
	}
	return strings.TrimSpace(r.verb + " plan")
}

// choice is a flag and what it has to be for a plan to be made again; an empty value leaves the flag's default.
type choice struct {
	flag, value string
	// place is set for a flag that only says where something lies; what it has to be, the plan knows by its digest.
	place bool
}

func choices(p *plan.Plan) []choice {
	o := p.Options
	via := make([]string, 0, len(o.Via))
	for _, v := range o.Via {
		via = append(via, v.String())
	}
	etcd := "kubeadm"
	if o.KeepEtcd {
		etcd = "keep"
	}
	return []choice{
		{flag: "etcd", value: etcd},
		{flag: "to", value: p.To.String()},
		{flag: "via", value: strings.Join(via, ",")},
		{flag: "selector", value: o.Selector},
		{flag: "max-unavailable", value: strconv.Itoa(max(1, o.MaxUnavailable))},
		{flag: "max-failures", value: strconv.Itoa(o.MaxFailures)},
		{flag: "fetch-at-once", value: strconv.Itoa(cmp.Or(o.FetchAtOnce, plan.DefaultFetchAtOnce))},
		{flag: "pause-after", value: string(o.PauseAfter)},
		{flag: "delete-emptydir-data", value: strconv.FormatBool(o.DeleteEmptyDir)},
		{flag: "force", value: strconv.FormatBool(o.Force)},
		{flag: "disable-eviction", value: strconv.FormatBool(o.DisableEviction)},
		{flag: "grace-period", value: strconv.Itoa(o.GracePeriodSeconds)},
		{flag: "drain-timeout", value: time.Duration(o.DrainTimeout).String()},
		{flag: "kubeadm-ignore-preflight-errors", value: strings.Join(o.IgnoreKubeadmPreflight, ",")},
		{flag: "packages-from", value: location(o.PackagesFrom), place: true},
		{flag: "images-from", value: location(o.ImagesFrom), place: o.Repository() == ""},
	}
}

func location(o *plan.Origin) string {
	if o == nil {
		return ""
	}
	return o.Location
}

// explainStale gives the error and the commands that lead on.
func (r *runner) explainStale(v ui.View, stale *upgrade.StaleError) error {
	r.report.Next = r.withoutPlan(r.planVerb(), "plan", "output", "events", "report", "yes", "dry-run", "no-probe", "keep-agent") + " --save " + quote(r.planFile)
	v.Pause(func() {
		fmt.Fprintf(r.in.ErrOut, "\nto make a new plan: %s\nto go on with a plan that was begun and cut short: %s\n", r.report.Next, r.command())
	})
	return stale
}

// withoutPlan writes a command with all flags that are not as by default, but for some: those that were typed, and those that the
// saved plan brought.
func (r *runner) withoutPlan(command string, except ...string) string {
	words := append([]string{"kubectl", "upgrade"}, strings.Fields(command)...)
	// A flag that "apply" hands on was set, but not in this set.
	r.typed.VisitAll(func(f *pflag.Flag) {
		if !f.Changed || f.Value.String() == f.DefValue || slices.Contains(except, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
			if f.Value.Type() != "stringArray" { // such as --report, which takes a comma for a part of the name
				values = []string{strings.Join(values, ",")}
			}
		}
		if f.Name == "token" {
			values = []string{hidden}
		}
		for _, v := range values {
			words = append(words, quote("--"+f.Name+"="+v))
		}
	})
	return strings.Join(words, " ")
}
