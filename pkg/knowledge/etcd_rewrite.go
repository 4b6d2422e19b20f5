package knowledge

import (
	"fmt"
	"slices"
	"strings"
)

// Change is one setting that another release needs otherwise.
type Change struct {
	// Old and New are as they are written; an empty one was added or removed.
	Old, New string
	Why      string
	Source   string
}

// String is the change in one line.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return "add " + c.New + ": " + c.Why
	case c.New == "":
		return "remove " + c.Old + ": " + c.Why
	}
	return "replace " + c.Old + " by " + c.New + ": " + c.Why
}

// RewriteFlags makes the settings of a server of one minor into those of another, step by step through the minors in between: flags that are gone are removed,
// those that were renamed are renamed, and those that became feature gates are put into one --feature-gates. Everything else stays as it is written and where it is.
// It goes up and down. The problems are what a server of the second minor would not start on (a flag, a feature gate or an operand that it does not know, which are
// left in place), what no longer works though it was asked for, and as warnings what it does not heed.
// Minors are as in EtcdMinors; others are problems as well. Arguments of all forms go in one list, so that what is set in two places is seen.
func RewriteFlags(from, to string, args []Arg) ([]Arg, []Change, []Problem) {
	start, end := etcdIndex(from), etcdIndex(to)
	if start < 0 || end < 0 {
		minor := from
		if start >= 0 {
			minor = to
		}
		return slices.Clone(args), nil, []Problem{{ID: "etcd-unknown", Message: unknownEtcd(minor).Error(), Fix: "use a release that is known", Source: etcdChangelog + minor + ".md"}}
	}
	r := rewriter{args: slices.Clone(args)}
	for at := start; at < end; at++ {
		r.up(etcdReleases[at+1].Minor)
	}
	for at := start; at > end; at-- {
		r.down(etcdReleases[at].Minor, etcdReleases[at-1].Minor)
	}
	r.check(to)
	return r.args, r.changes, r.problems
}

type rewriter struct {
	args     []Arg
	changes  []Change
	problems []Problem
}

// up makes the arguments those of the next minor.
func (r *rewriter) up(minor string) {
	if minor == "3.0" {
		r.addresses()
	}
	var gated []FlagRule
	for _, rule := range flagRules {
		_, known := FlagIn(minor, rule.Flag)
		// A rule of an earlier minor waits for the flag to go: an operator may have kept the old name as long as it worked.
		switch {
		case rule.Minor != minor && (known || etcdIndex(rule.Minor) > etcdIndex(minor)):
		case rule.Gate != "":
			gated = append(gated, rule)
		default:
			r.apply(rule)
		}
	}
	r.applyGates(gated)
}

// applyGates goes by the order of the arguments, so that the gates come in the order in which the flags stood.
func (r *rewriter) applyGates(rules []FlagRule) {
	for _, rule := range rules {
		r.lastCounts(rule.Flag)
	}
	for i := 0; i < len(r.args); i++ {
		if j := slices.IndexFunc(rules, func(rule FlagRule) bool { return rule.Flag == r.args[i].Name }); j >= 0 {
			i += r.toGate(i, rules[j])
		}
	}
}

// apply does what a rule says to every argument that it is for.
func (r *rewriter) apply(rule FlagRule) {
	r.lastCounts(rule.Flag)
	for i := 0; i < len(r.args); i++ {
		a := r.args[i]
		if a.Name != rule.Flag || len(rule.Values) > 0 && !slices.Contains(rule.Values, plain(a)) {
			continue
		}
		if rule.Loses != "" {
			r.problems = append(r.problems, Problem{ID: "etcd-flag-loses", Message: fmt.Sprintf("%s: from %s on %s", a, rule.Minor, rule.Loses),
				Fix: "remove it first, and see that nothing needs it", Source: rule.Source})
		}
		if rule.To != "" {
			i += r.rename(i, rule)
			continue
		}
		r.remove(i, rule.Why, rule.Source)
		i--
	}
}

// lastCounts removes a flag that stands again further on, where only the last one is heeded: both could not be renamed or merged.
func (r *rewriter) lastCounts(name string) {
	for i := 0; i < len(r.args); i++ {
		if a := r.args[i]; a.Name == name && slices.ContainsFunc(r.args[i+1:], func(o Arg) bool { return o.Name == name && (o.Form == Env) == (a.Form == Env) }) {
			r.remove(i, "--"+name+" stands again further on, and the last one counts", "https://pkg.go.dev/flag")
			i--
		}
	}
}

// plain is a value that can be compared with those of a rule.
func plain(a Arg) string {
	f, _ := flagAnywhere(a.Name)
	if v, ok := a.Bool(); ok && f.Bool {
		return fmt.Sprint(v)
	}
	return a.Value
}

func (r *rewriter) changed(old, now string, why, source string) {
	r.changes = append(r.changes, Change{Old: old, New: now, Why: why, Source: source})
}

func (r *rewriter) remove(i int, why, source string) {
	r.changed(r.args[i].String(), "", why, source)
	r.args = slices.Delete(r.args, i, i+1)
}

// rename gives an argument another name, unless the new flag is set already. It returns by how many places the rest has moved.
func (r *rewriter) rename(i int, rule FlagRule) (moved int) {
	old := r.args[i]
	a := old.named(rule.To)
	if rule.Set != "" {
		a = a.valued(rule.Set)
	}
	if have, ok := Lookup(r.args, rule.To); ok && (have.Form != Env || old.Form == Env) {
		if rule.And != "" && have.Value != a.Value {
			// Both were trusted together; one file has to hold what both hold.
			r.problems = append(r.problems, Problem{ID: "etcd-flag-conflict", Message: fmt.Sprintf("%s and %s name two files, and from %s on there is one", old, have, rule.Minor),
				Fix: "put the certificates of both into " + have.Value + " and remove --" + rule.Flag, Source: rule.Source})
		}
		r.remove(i, rule.Why+"; "+have.String()+" is set already", rule.Source)
		moved = -1
	} else {
		r.args[i] = a
		r.changed(old.String(), a.String(), rule.Why, rule.Source)
	}
	if rule.And != "" {
		moved += r.require(i+moved, old, rule)
	}
	return moved
}

// require sees that a flag that was implied is true.
func (r *rewriter) require(after int, like Arg, rule FlagRule) (moved int) {
	if have, ok := Lookup(r.args, rule.And); ok {
		if v, _ := have.Bool(); v {
			return 0
		}
		for i, a := range r.args {
			if a.Name == rule.And {
				r.args[i] = a.valued("true")
				r.changed(a.String(), r.args[i].String(), rule.Why, rule.Source)
			}
		}
		return 0
	}
	a := like.named(rule.And).valued("true")
	if a.Form == Split {
		a.Form = Joined
	}
	r.args = slices.Insert(r.args, after+1, a)
	r.changed("", a.String(), rule.Why, rule.Source)
	return 1
}

// named is the same setting under another name.
func (a Arg) named(name string) Arg {
	a.Name = name
	if a.Form == Env {
		a.Variable = FlagEnv(name)
	}
	return a
}

// valued is the same setting with another value.
func (a Arg) valued(value string) Arg {
	a.Value = value
	if a.Form == Bare {
		a.Form = Joined
	}
	return a
}

const featureGates = "feature-gates"

// toGate puts a flag's value into --feature-gates, which takes the place of the first of them where there is none yet.
func (r *rewriter) toGate(i int, rule FlagRule) (moved int) {
	old := r.args[i]
	v, ok := old.Bool()
	if !ok {
		r.problems = append(r.problems, Problem{ID: "etcd-flag-value", Message: fmt.Sprintf("%s: %q is neither true nor false", old, old.Value),
			Fix: "set it to true or false", Source: rule.Source})
		return 0
	}
	entry := fmt.Sprintf("%s=%t", rule.Gate, v)
	at := slices.IndexFunc(r.args, func(a Arg) bool { return a.Name == featureGates && (a.Form == Env) == (old.Form == Env) })
	if at < 0 {
		at = slices.IndexFunc(r.args, func(a Arg) bool { return a.Name == featureGates })
	}
	if at < 0 {
		a := old.named(featureGates).valued(entry)
		r.args[i] = a
		r.changed(old.String(), a.String(), rule.Why, rule.Source)
		return 0
	}
	gates := parseGates(r.args[at].Value)
	if j := slices.IndexFunc(gates, func(g [2]string) bool { return g[0] == rule.Gate }); j >= 0 {
		r.remove(i, rule.Why+"; "+strings.Join(gates[j][:], "=")+" is set already", rule.Source)
		return -1
	}
	r.args[at].Value = joinGates(append(gates, [2]string{rule.Gate, fmt.Sprint(v)}))
	r.changed(old.String(), old.named(featureGates).valued(entry).String(), rule.Why, rule.Source)
	r.args = slices.Delete(r.args, i, i+1)
	return -1
}

// parseGates reads "A=true,B=false".
func parseGates(s string) [][2]string {
	var out [][2]string
	for _, entry := range strings.Split(s, ",") {
		if name, value, _ := strings.Cut(strings.TrimSpace(entry), "="); name != "" {
			out = append(out, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return out
}

func joinGates(gates [][2]string) string {
	entries := make([]string, len(gates))
	for i, g := range gates {
		entries[i] = g[0] + "=" + g[1]
	}
	return strings.Join(entries, ",")
}

// down makes the arguments those of the minor before.
func (r *rewriter) down(minor, previous string) {
	if _, known := FlagIn(previous, featureGates); !known {
		r.fromGates(minor, previous)
	} else {
		r.dropGates(previous)
	}
	for _, rule := range onlyNew {
		for i := 0; rule.Minor == minor && i < len(r.args); i++ {
			if r.args[i].Name == rule.Flag {
				r.remove(i, rule.Why, rule.Source)
				i--
			}
		}
	}
	for _, rule := range slices.Backward(flagRules) {
		if rule.Minor == minor && rule.To != "" && rule.Set == "" && rule.And == "" {
			r.renameBack(rule, previous)
		}
	}
}

// renameBack gives a flag its old name, where the minor does not know the new one.
func (r *rewriter) renameBack(rule FlagRule, minor string) {
	if _, known := FlagIn(minor, rule.To); known {
		return
	}
	for i, a := range r.args {
		if a.Name == rule.To {
			r.args[i] = a.named(rule.Flag)
			r.changed(a.String(), r.args[i].String(), "etcd "+minor+" knows it by this name", rule.Source)
		}
	}
}

// dropGates takes out of --feature-gates what a minor does not know but a newer one does.
func (r *rewriter) dropGates(minor string) {
	for i := 0; i < len(r.args); i++ {
		a := r.args[i]
		if a.Name != featureGates {
			continue
		}
		var kept [][2]string
		for _, g := range parseGates(a.Value) {
			j := slices.IndexFunc(gates, func(known gate) bool { return known.name == g[0] })
			if j < 0 || GateIn(minor, g[0]) {
				kept = append(kept, g)
				continue
			}
			r.changed(a.named(featureGates).valued(strings.Join(g[:], "=")).String(), "", "it came with "+gates[j].first, gates[j].source)
		}
		if len(kept) == 0 {
			r.args = slices.Delete(r.args, i, i+1)
			i--
			continue
		}
		r.args[i].Value = joinGates(kept)
	}
}

// fromGates makes feature gates the flags that they once were.
func (r *rewriter) fromGates(minor, previous string) {
	for i := 0; i < len(r.args); i++ {
		a := r.args[i]
		if a.Name != featureGates {
			continue
		}
		var flags []Arg
		for _, g := range parseGates(a.Value) {
			old := a.valued(strings.Join(g[:], "=")).String()
			j := slices.IndexFunc(flagRules, func(rule FlagRule) bool { return rule.Gate == g[0] })
			if j < 0 {
				r.lostGate(old, g, minor, previous)
				continue
			}
			flag := a.named(flagRules[j].Flag).valued(g[1])
			if flag.Form == Split {
				flag.Form = Joined // a flag that needs no value takes it after "=" only
			}
			flags = append(flags, flag)
			r.changed(old, flag.String(), "etcd "+previous+" has no feature gates", flagRules[j].Source)
		}
		r.args = slices.Replace(r.args, i, i+1, flags...)
		i += len(flags) - 1
	}
}

// lostGate tells of a feature gate for which there is no flag.
func (r *rewriter) lostGate(old string, g [2]string, minor, previous string) {
	r.changed(old, "", "etcd "+previous+" has nothing like it", gates36)
	if g[1] == "true" {
		r.problems = append(r.problems, Problem{ID: "etcd-flag-loses", Message: fmt.Sprintf("%s: etcd %s has nothing like it", old, previous),
			Fix: "remove it on " + minor + " first, and see that nothing needs it", Source: gates36})
	}
}
