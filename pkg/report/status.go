package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Status is what is known of an upgrade that is not finished. It is the JSON of "kubectl upgrade status -o json".
type Status struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	// State is "none" where no upgrade is unfinished, else running, failed, paused or interrupted.
	State record.State `json:"state"`
	// PlanKind tells an upgrade of the cluster from one of etcd.
	PlanKind string `json:"planKind,omitempty"`
	// Holder is who holds the lock; nil when nobody does.
	Holder  *Holder           `json:"holder,omitempty"`
	From    version.Version   `json:"from,omitzero"`
	To      version.Version   `json:"to,omitzero"`
	Path    []version.Version `json:"path,omitempty"`
	Digest  string            `json:"digest,omitempty"`
	Started time.Time         `json:"started,omitzero"`
	Updated time.Time         `json:"updated,omitzero"`
	Error   string            `json:"error,omitempty"`
	Phases  []PhaseStatus     `json:"phases,omitempty"`
	// LeftOut says what the record had no room for.
	LeftOut string `json:"leftOut,omitempty"`
	// Next is the command to go on with.
	Next string `json:"next,omitempty"`
	// Last is the last run that this machine knows of; set when no upgrade is unfinished.
	Last *LastRun `json:"last,omitempty"`
}

// None is the state where no upgrade is unfinished.
const None record.State = "none"

// Holder is who holds the lock.
type Holder struct {
	Name    string `json:"name"`
	Purpose string `json:"purpose"`
	Alive   bool   `json:"alive"`
	// Heartbeat is how long ago the last sign of life was.
	Heartbeat plan.Duration `json:"heartbeat"`
}

// PhaseStatus is where a phase stands.
type PhaseStatus struct {
	ID    string       `json:"id"`
	Title string       `json:"title"`
	State event.State  `json:"state"`
	Nodes []NodeStatus `json:"nodes"`
}

// NodeStatus is where a node, or the cluster as a whole, stands in a phase.
type NodeStatus struct {
	Name     string        `json:"name"`
	State    event.State   `json:"state"`
	Started  time.Time     `json:"started,omitzero"`
	Took     plan.Duration `json:"took,omitempty"`
	Steps    int           `json:"steps"`
	Finished int           `json:"finished"`
	// Step is the step that runs or failed.
	Step string `json:"step,omitempty"`
	// Waiting is what it waits for, by name.
	Waiting string `json:"waiting,omitempty"`
	Error   string `json:"error,omitempty"`
}

// cut is the state of a node at which nobody works any more although its step had no end.
const cut event.State = "cut short"

// LastRun is a run that this machine knows of.
type LastRun struct {
	From    version.Version `json:"from,omitzero"`
	To      version.Version `json:"to,omitzero"`
	State   record.State    `json:"state"`
	Started time.Time       `json:"started"`
	Updated time.Time       `json:"updated"`
	Error   string          `json:"error,omitempty"`
}

// NewStatus puts together what the cluster says of a run, which may be nil, and of who holds its lock. Last is for when there is none.
func NewStatus(run *record.Run, holder *record.Holder, last *record.Run, now time.Time) Status {
	s := Status{APIVersion: plan.APIVersion, Kind: "ClusterUpgradeStatus", Time: now.UTC(), State: None}
	if holder != nil {
		s.Holder = &Holder{Name: holder.Name, Purpose: holder.Purpose, Alive: holder.Alive(), Heartbeat: plan.Duration(holder.Heartbeat.Round(time.Second))}
	}
	if run == nil {
		if last != nil {
			s.Last = &LastRun{From: last.From, To: last.To, State: last.State, Started: last.Started, Updated: last.Updated, Error: last.Error}
		}
		return s
	}
	s.State, s.From, s.To, s.Digest, s.Error, s.LeftOut = run.State, run.From, run.To, run.Digest, run.Error, run.LeftOut
	s.Started, s.Updated, s.PlanKind = run.Started, run.Updated, run.Of()
	// A run that says it is running is believed as long as its own process shows that it lives.
	alive := s.Holder != nil && s.Holder.Alive && s.Holder.Name == run.Holder
	if s.State == record.Running && !alive {
		s.State = record.Interrupted
	}
	if s.State != record.Running {
		s.Next = run.Command
	}
	if run.Plan == nil {
		return s
	}
	s.Path = run.Plan.Path
	steps := follow(run)
	for _, ph := range run.Plan.Phases {
		p := PhaseStatus{ID: ph.ID, Title: ph.Title}
		for _, g := range ph.Groups {
			p.Nodes = append(p.Nodes, steps.group(g, s.State == record.Running, now))
		}
		p.State = together(p.Nodes)
		s.Phases = append(s.Phases, p)
	}
	return s
}

// progress is what is known of every step, by ID.
type progress struct {
	ended   map[string]record.Entry
	running map[string]record.Step
}

func follow(run *record.Run) progress {
	p := progress{map[string]record.Entry{}, map[string]record.Step{}}
	for _, e := range run.Journal {
		p.ended[e.ID] = e
	}
	for _, s := range run.Steps {
		p.running[s.ID] = s
	}
	return p
}

func (p progress) group(g plan.Group, alive bool, now time.Time) NodeStatus {
	out := NodeStatus{Name: g.Title, State: event.Pending, Steps: len(g.Steps)}
	var last time.Time
	for _, s := range g.Steps {
		if r, ok := p.running[s.ID]; ok {
			out.begin(r.Started)
			out.State, out.Step, out.Waiting = event.Running, s.Title, r.Waiting
			last = now
			continue
		}
		e, ok := p.ended[s.ID]
		if !ok {
			continue
		}
		out.begin(e.Started)
		if end := e.Started.Add(time.Duration(e.Took)); end.After(last) {
			last = end
		}
		if e.State == event.Failed {
			out.State, out.Step, out.Error = event.Failed, s.Title, e.Error
			continue
		}
		out.Finished++
	}
	switch {
	case out.State == event.Running && !alive, out.State == event.Pending && out.Finished > 0 && out.Finished < out.Steps && !alive:
		out.State = cut
	case out.State == event.Pending && out.Finished == out.Steps:
		out.State = event.Done
	case out.State == event.Pending && out.Finished > 0: // between two steps
		out.State = event.Running
	}
	if !out.Started.IsZero() {
		// Two clocks may disagree: nothing takes less than no time.
		out.Took = plan.Duration(max(0, last.Sub(out.Started)))
	}
	return out
}

func (n *NodeStatus) begin(at time.Time) {
	if n.Started.IsZero() || at.Before(n.Started) {
		n.Started = at
	}
}

// together is the most urgent state of several nodes. Between two of them a phase is running.
func together(nodes []NodeStatus) event.State {
	count := map[event.State]int{}
	for _, n := range nodes {
		count[n.State]++
	}
	for _, s := range []event.State{event.Failed, cut, event.Running} {
		if count[s] > 0 {
			return s
		}
	}
	switch count[event.Done] {
	case len(nodes):
		return event.Done
	case 0:
		return event.Pending
	}
	return event.Running
}

// WriteStatus writes a status for people.
func WriteStatus(w io.Writer, s Status) {
	if s.State == None {
		writeNone(w, s)
		return
	}
	what := "Upgrade: "
	if s.PlanKind == plan.EtcdKind {
		what = "etcd:    "
	}
	fmt.Fprintf(w, "%s %s", what, s.From)
	for _, v := range s.Path {
		fmt.Fprintf(w, " → %s", v)
	}
	if len(s.Path) == 0 {
		fmt.Fprintf(w, " → %s", s.To)
	}
	fmt.Fprintf(w, "\nState:    %s, begun %s\n", s.State, ago(s.Time.Sub(s.Started)))
	writeHolder(w, s.Holder)
	if s.LeftOut != "" {
		fmt.Fprintf(w, "Left out: %s\n", s.LeftOut)
	}
	if len(s.Phases) > 0 {
		fmt.Fprintln(w)
		phases(w, s.Phases)
	}
	if s.Error != "" {
		fmt.Fprintf(w, "\nIt ended with: %s\n", printers.EscapeTerminal(s.Error))
	}
	if s.Next != "" {
		fmt.Fprintf(w, "\nto go on:   %s\nto give up: kubectl upgrade abort\n", printers.EscapeTerminal(s.Next))
	}
}

func writeNone(w io.Writer, s Status) {
	fmt.Fprintln(w, "No upgrade is unfinished.")
	if s.Holder != nil {
		writeHolder(w, s.Holder)
	}
	if l := s.Last; l != nil {
		fmt.Fprintf(w, "The last one that this machine knows of: %s → %s, %s, begun %s\n", l.From, l.To, l.State, ago(s.Time.Sub(l.Started)))
		if l.Error != "" {
			fmt.Fprintf(w, "It ended with: %s\n", printers.EscapeTerminal(l.Error))
		}
	}
}

func writeHolder(w io.Writer, h *Holder) {
	switch {
	case h == nil:
		fmt.Fprintln(w, "Lock:     free: nobody works on it now")
	case h.Alive:
		fmt.Fprintf(w, "Lock:     %s, %q, alive: last heartbeat %s\n", printers.EscapeTerminal(h.Name), h.Purpose, ago(time.Duration(h.Heartbeat)))
	default:
		fmt.Fprintf(w, "Lock:     %s, %q, dead: last heartbeat %s\n", printers.EscapeTerminal(h.Name), h.Purpose, ago(time.Duration(h.Heartbeat)))
	}
}

// phases is a table with a row per node where something goes on, and one for all nodes of a phase where nothing does.
func phases(w io.Writer, ps []PhaseStatus) {
	t := printers.GetNewTabWriter(w)
	fmt.Fprintln(t, "PHASE\tNODE\tSTATE\tTIME\tSTEP")
	for _, p := range ps {
		if len(p.Nodes) > 1 && (p.State == event.Done || p.State == event.Pending) {
			fmt.Fprintf(t, "%s\t%d nodes\t%s\t-\t\n", p.Title, len(p.Nodes), p.State)
			continue
		}
		title := p.Title
		for _, n := range p.Nodes {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", title, n.Name, n.State, round(plan.Duration(time.Duration(n.Took).Round(time.Second))), step(n))
			title = ""
		}
	}
	t.Flush()
}

func step(n NodeStatus) string {
	if n.Step == "" {
		return ""
	}
	text := fmt.Sprintf("%s (%d/%d)", n.Step, n.Finished+1, n.Steps)
	switch {
	case n.Error != "":
		first, _, _ := strings.Cut(n.Error, "\n")
		text += ": " + first
	case n.Waiting != "":
		text += ": waiting for " + n.Waiting
	}
	return printers.EscapeTerminal(text)
}

func ago(d time.Duration) string { return max(0, d).Round(time.Second).String() + " ago" }
