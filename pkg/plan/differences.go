package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Differences says what of a saved plan is not as in one that was made now, in sentences, the most telling first: the way, the nodes
// and their packages, the options, the steps. Two plans of the same digest have none.
func Differences(saved, now *Plan) []string {
	if saved.Digest == now.Digest {
		return nil
	}
	var d differences
	d.value("the cluster", saved.Cluster.UID, now.Cluster.UID)
	d.value("the oldest version in the cluster", saved.From.String(), now.From.String())
	d.value("the way of the control plane", way(saved), way(now))
	d.nodes(saved.Nodes, now.Nodes)
	d.options(saved.Options, now.Options)
	d.steps(saved, now)
	if len(d) == 0 {
		d.say("the reasons or the form of the plan are other ones")
	}
	return d
}

type differences []string

func (d *differences) say(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

func (d *differences) value(what, was, is string) {
	if was != is {
		d.say("%s: %s in the plan, %s now", what, orNone(was), orNone(is))
	}
}

func (d *differences) nodes(saved, now []NodeSummary) {
	for _, was := range saved {
		is, ok := find(now, was.Name)
		if !ok {
			d.say("node %s is gone", was.Name)
			continue
		}
		what := "node " + was.Name + ": "
		d.value(what+"role", was.Role, is.Role)
		d.value(what+"kubelet", was.Kubelet.String(), is.Kubelet.String())
		d.value(what+"packages", moves(was), moves(is))
		d.value(what+"package sources", edits(was), edits(is))
		d.value(what+"held packages", strings.Join(was.Held, " "), strings.Join(is.Held, " "))
	}
	for _, is := range now {
		if _, ok := find(saved, is.Name); !ok {
			d.say("node %s is new", is.Name)
		}
	}
}

func find(nodes []NodeSummary, name string) (NodeSummary, bool) {
	i := slices.IndexFunc(nodes, func(n NodeSummary) bool { return n.Name == name })
	if i < 0 {
		return NodeSummary{}, false
	}
	return nodes[i], true
}

// options compares by the names that JSON has for them.
func (d *differences) options(saved, now Options) {
	was, is := fields(saved), fields(now)
	names := make([]string, 0, len(was)+len(is))
	for _, m := range []map[string]json.RawMessage{was, is} {
		for n := range m {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		d.value("option "+n, string(was[n]), string(is[n]))
	}
}

func fields(o Options) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	if b, err := json.Marshal(o); err == nil {
		_ = json.Unmarshal(b, &out) // it was written just now
	}
	return out
}

func (d *differences) steps(saved, now *Plan) {
	was, is := steps(saved), steps(now)
	var order [2][]string
	for s := range saved.Steps() {
		other, ok := is[s.ID]
		switch {
		case !ok:
			d.say("step %s is no longer there", s.ID)
			continue
		case !bytes.Equal(s.Params, other.Params) || s.Timeout != other.Timeout || s.Kind != other.Kind || s.Title != other.Title:
			d.say("step %s does something else now", s.ID)
		}
		order[0] = append(order[0], s.ID)
	}
	for s := range now.Steps() {
		if _, ok := was[s.ID]; !ok {
			d.say("step %s is new", s.ID)
			continue
		}
		order[1] = append(order[1], s.ID)
	}
	for i := range order[0] {
		if order[0][i] != order[1][i] {
			d.say("the order is another one: step %s comes where the plan has %s", order[1][i], order[0][i])
			return
		}
	}
}

func steps(p *Plan) map[string]Step {
	out := map[string]Step{}
	for s := range p.Steps() {
		out[s.ID] = s
	}
	return out
}

func way(p *Plan) string {
	words := make([]string, 0, len(p.Path))
	for _, v := range p.Path {
		words = append(words, v.String())
	}
	return strings.Join(words, " → ")
}

func moves(n NodeSummary) string {
	var words []string
	for _, s := range n.Stops {
		for _, p := range s.Packages {
			words = append(words, fmt.Sprintf("%s %s %s → %s", p.Action, p.Name, orNone(p.From), orNone(p.To)))
		}
	}
	return strings.Join(words, ", ")
}

func edits(n NodeSummary) string {
	var words []string
	for _, s := range n.Stops {
		for _, e := range s.Edits {
			words = append(words, e.File+": "+e.After)
		}
	}
	return strings.Join(words, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
