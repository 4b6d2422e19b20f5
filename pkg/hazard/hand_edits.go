package hazard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
)

// handWritten finds flags of manifests that kubeadm's configuration does not have.
func handWritten(f Facts) []Offender {
	var out []Offender
	eachOfKubeadm(f, func(c cluster.Component, key string, g cluster.Flag, configured []string) {
		if f.byHand(c, g, configured) {
			out = append(out, Offender{c.Name, c.Node, g.Name, g.Value, key})
		}
	})
	return out
}

// byHand leaves out what the target does not know: nobody can want it there, and an upgrade that was cut short has taken it out of the
// configuration already, while manifests still have it.
func (f Facts) byHand(c cluster.Component, g cluster.Flag, configured []string) bool {
	return len(configured) == 0 && !slices.Contains(kubeadmFlags[c.Name], g.Name) && !f.goneFrom(c.Name, g.Name)
}

// otherValue finds flags of manifests that have another value in kubeadm's configuration.
func otherValue(f Facts) []Offender {
	var out []Offender
	eachOfKubeadm(f, func(c cluster.Component, key string, g cluster.Flag, configured []string) {
		if differs(g, configured) {
			out = append(out, Offender{c.Name, c.Node, g.Name, g.Value, key, listed(configured)})
		}
	})
	return out
}

// differs leaves those out that kubeadm puts together: its own modes of authorization and gates come before those that it is given.
func differs(g cluster.Flag, configured []string) bool {
	return len(configured) > 0 && !slices.Contains(configured, g.Value) && g.Name != "authorization-mode" && g.Name != "feature-gates"
}

// handEdits shows what of edits by hand kubeadm undoes when it writes each manifest anew, as a unified diff.
func handEdits(f Facts) string {
	type lines struct{ before, after strings.Builder }
	pods := map[string]*lines{}
	var order []string
	eachOfKubeadm(f, func(c cluster.Component, _ string, g cluster.Flag, configured []string) {
		name := fmt.Sprintf("static pod %s of node %s", c.Name, c.Node)
		pod := pods[name]
		if pod == nil {
			pod = &lines{}
			pods[name], order = pod, append(order, name)
		}
		line := func(v string) string { return fmt.Sprintf("- --%s=%s\n", g.Name, v) }
		pod.before.WriteString(line(g.Value))
		switch {
		case f.byHand(c, g, configured):
		case differs(g, configured):
			for _, v := range configured {
				pod.after.WriteString(line(v))
			}
		default:
			pod.after.WriteString(line(g.Value))
		}
	})
	var out strings.Builder
	for _, name := range order {
		out.WriteString(manifest.Diff(name, []byte(pods[name].before.String()), []byte(pods[name].after.String())))
	}
	return out.String()
}
