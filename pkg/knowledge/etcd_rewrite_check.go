package knowledge

import (
	"fmt"
	"slices"
	"strings"
)

// check finds what a server of the minor would not start on, or would not heed.
func (r *rewriter) check(minor string) {
	source := "https://github.com/etcd-io/etcd/blob/" + etcdReleases[etcdIndex(minor)].Newest.String()
	// 3.4 and newer end over a variable whose flag is set as well; older ones do not heed it.
	strict := etcdIndex(minor) >= etcdIndex("3.4")
	for _, a := range r.args {
		f, known := FlagIn(minor, a.Name)
		switch {
		case a.Form == Operand:
			r.problem("etcd-operand", fmt.Sprintf("etcd %s takes no operand, and finds %q", minor, a.Value), "remove it", source, false)
		case a.Form == Env && a.Name == "":
			if !slices.Contains(otherVariables, a.Variable) {
				r.problem("etcd-variable-unknown", fmt.Sprintf("etcd %s does not heed %s", minor, a.Variable), "remove it if nothing else reads it", source, true)
			}
		case !known && (a.Form == Env || a.Form == Config):
			r.problem("etcd-setting-unknown", fmt.Sprintf("etcd %s does not heed %s", minor, a), "remove it", source, true)
		case !known:
			r.problem("etcd-flag-unknown", fmt.Sprintf("etcd %s has no flag --%s%s", minor, a.Name, whereKnown(a.Name)), "remove it, or set what stands for it in that release", source, false)
		case a.Form == Bare && !f.Bool:
			r.problem("etcd-flag-value", fmt.Sprintf("--%s needs a value", a.Name), "give it one", source, false)
		case f.Bool && a.Form != Bare && notBool(a):
			r.problem("etcd-flag-value", fmt.Sprintf("%s: %q is neither true nor false", a, a.Value), "set it to true or false", source, false)
		case a.Name == featureGates:
			r.checkGates(minor, a, source)
		}
		if a.Form == Env && a.Name != "" && slices.ContainsFunc(r.args, func(o Arg) bool { return o.Name == a.Name && o.Form < Operand }) {
			r.problem("etcd-set-twice", fmt.Sprintf("%s stands beside a flag --%s", a.Variable, a.Name), "remove one of them", source, !strict)
		}
	}
}

// otherVariables are variables of etcd's that stand for no flag.
var otherVariables = []string{"ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"}

func notBool(a Arg) bool {
	_, ok := a.Bool()
	return !ok
}

func (r *rewriter) problem(id, message, fix, source string, warning bool) {
	r.problems = append(r.problems, Problem{ID: id, Warning: warning, Message: message, Fix: fix, Source: source})
}

func (r *rewriter) checkGates(minor string, a Arg, source string) {
	for _, g := range parseGates(a.Value) {
		if !GateIn(minor, g[0]) {
			r.problem("etcd-gate-unknown", fmt.Sprintf("etcd %s has no feature gate %s", minor, g[0]), "remove it from --feature-gates", source, false)
		}
	}
}

// whereKnown says which releases have a flag.
func whereKnown(name string) string {
	var spans []string
	for _, f := range etcdFlags {
		if f.Name != name {
			continue
		}
		if f.First == f.Last {
			spans = append(spans, f.First)
		} else {
			spans = append(spans, f.First+" to "+f.Last)
		}
	}
	if len(spans) == 0 {
		return ", nor has any other release"
	}
	verb := " have"
	if len(spans) == 1 && !strings.Contains(spans[0], " to ") {
		verb = " has"
	}
	return ", which " + strings.Join(spans, " and ") + verb
}
