package plan

import (
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// names writes packages with their versions, in the order of PackageNames.
func names(versions map[string]string) string {
	var out []string
	for _, n := range cluster.PackageNames {
		if v, ok := versions[n]; ok {
			out = append(out, n+" "+v)
		}
	}
	return strings.Join(out, " ")
}

func without(m map[string]string, key string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// leading says of phases which release they lead to.
func leading(hop string, phases []Phase) []Phase {
	for i := range phases {
		phases[i].Hop = hop
	}
	return phases
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func dashed(s string) string { return strings.ReplaceAll(s, " ", "-") }
