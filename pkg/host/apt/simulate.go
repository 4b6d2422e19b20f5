package apt

import (
	"regexp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// simulated is a line of `apt-get -s`: "Inst kubeadm [1.33.5-1.1] (1.34.2-1.1 pkgs.k8s.io [amd64])" or "Remv kubelet [1.33.5-1.1]".
// The brackets may be followed by others that list packages broken in between.
var simulated = regexp.MustCompile(`(?m)^(Inst|Remv|Purg) (\S+)(?: \[([^\]]+)\])?(?: \((\S+)[^)]*\))?`)

// ParseSimulation reads what apt would change. Newer decides the direction of a version change.
func ParseSimulation(out string, newer func(a, b string) bool) []hostaction.PackageChange {
	var changes []hostaction.PackageChange
	for _, m := range simulated.FindAllStringSubmatch(out, -1) {
		c := hostaction.PackageChange{Name: m[2], From: m[3], To: m[4], Action: "upgrade"}
		switch {
		case m[1] != "Inst":
			c.Action, c.To = "remove", ""
		case c.From == "":
			c.Action = "install"
		case newer(c.From, c.To):
			c.Action = "downgrade"
		}
		changes = append(changes, c)
	}
	return changes
}

// Without gives the changes whose packages are not in others.
func Without(changes, others []hostaction.PackageChange) []hostaction.PackageChange {
	in := map[string]bool{}
	for _, o := range others {
		in[o.Name] = true
	}
	var out []hostaction.PackageChange
	for _, c := range changes {
		if !in[c.Name] {
			out = append(out, c)
		}
	}
	return out
}
