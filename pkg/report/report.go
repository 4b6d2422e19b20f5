package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/explain"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Report is how a command ended. It is the JSON that -o json prints, whatever happened.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// ExitCode is the process' own: Windows' kubectl loses it.
	ExitCode int    `json:"exitCode"`
	Result   string `json:"result"`
	Error    string `json:"error,omitempty"`
	// Next is the command to go on with, if there is one.
	Next     string              `json:"next,omitempty"`
	From     version.Version     `json:"from,omitzero"`
	To       version.Version     `json:"to,omitzero"`
	Offered  map[string][]string `json:"offered,omitempty"`
	Findings []preflight.Finding `json:"findings,omitempty"`
	Plan     *plan.Plan          `json:"plan,omitempty"`
	Steps    []engine.Result     `json:"steps,omitempty"`
	Nodes    []Node              `json:"nodes,omitempty"`
	Probe    *Probe              `json:"probe,omitempty"`
	// Etcd is what was done to etcd; Members are as they were found.
	Etcd    *EtcdDone            `json:"etcd,omitempty"`
	Members []cluster.EtcdMember `json:"members,omitempty"`
	// Explanations are what is known of the lines that failed steps ended with.
	Explanations []explain.Row `json:"explanations,omitempty"`
	// State is the cluster after an upgrade was given up.
	State   *State        `json:"state,omitempty"`
	Started time.Time     `json:"started"`
	Took    plan.Duration `json:"took"`
}

// Node is what the run did on one node.
type Node struct {
	Name string `json:"name"`
	// Took is the time of all its steps; Unschedulable that from cordon to uncordon.
	Took          plan.Duration `json:"took"`
	Unschedulable plan.Duration `json:"unschedulable,omitempty"`
	State         event.State   `json:"state"`
}

// Probe is what users of the API endpoint saw of the run.
type Probe struct {
	Requests int           `json:"requests"`
	Failed   int           `json:"failed"`
	Longest  plan.Duration `json:"longest"`
	Gaps     []Gap         `json:"gaps,omitempty"`
}

// Gap is a time in which the API endpoint did not answer.
type Gap struct {
	Start time.Time     `json:"start"`
	Took  plan.Duration `json:"took"`
	Steps []string      `json:"steps,omitempty"`
	Error string        `json:"error"`
}

// Nodes sums up the steps by node, in the order of the plan.
func Nodes(steps []engine.Result) []Node {
	var out []Node
	at := map[string]int{}
	cordoned := map[string]time.Time{}
	for _, s := range steps {
		if s.Node == "" {
			continue
		}
		i, ok := at[s.Node]
		if !ok {
			i = len(out)
			at[s.Node] = i
			out = append(out, Node{Name: s.Node, State: event.Done})
		}
		n := &out[i]
		n.Took += s.Took
		if s.State == event.Failed || s.State == event.Skipped && n.State != event.Failed {
			n.State = s.State
		}
		switch {
		case s.Step.Kind == plan.Cordon && s.State == event.Done:
			cordoned[s.Node] = s.Started
		case s.Step.Kind == plan.Uncordon && s.State == event.Done && !cordoned[s.Node].IsZero():
			n.Unschedulable = plan.Duration(s.Started.Add(time.Duration(s.Took)).Sub(cordoned[s.Node]))
		}
	}
	return out
}

// Summary writes the end of a run for a person: the time of each node, and what the API's users saw.
func Summary(w io.Writer, r *Report) {
	if len(r.Nodes) > 0 {
		fmt.Fprintln(w)
		t := printers.GetNewTabWriter(w)
		fmt.Fprintln(t, "NODE\tSTATE\tTIME\tCORDONED FOR")
		for _, n := range r.Nodes {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", n.Name, n.State, round(n.Took), round(n.Unschedulable))
		}
		t.Flush()
	}
	if r.Etcd != nil {
		WriteEtcdDone(w, r.Etcd)
	}
	if p := r.Probe; p != nil {
		fmt.Fprintf(w, "\nAPI endpoint: %d probes, %d failed, longest gap %s\n", p.Requests, p.Failed, round(p.Longest))
		for _, g := range p.Gaps {
			fmt.Fprintf(w, "  %s: %s during %s (%s)\n", g.Start.Local().Format(time.TimeOnly), round(g.Took), orDash(strings.Join(g.Steps, ", ")), printers.EscapeTerminal(g.Error))
		}
	}
}

func round(d plan.Duration) string {
	if d == 0 {
		return "-"
	}
	if t := time.Duration(d); t < time.Second {
		return t.Round(time.Millisecond).String()
	}
	return time.Duration(d).Round(100 * time.Millisecond).String()
}
