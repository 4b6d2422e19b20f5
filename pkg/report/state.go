package report

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
)

// StateNow looks at the cluster once more and writes where every node stands, after a run that did not reach its end.
func StateNow(ctx context.Context, w io.Writer, client *kube.Client) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := observe.Cluster(ctx, client)
	if err != nil {
		fmt.Fprintf(w, "\nThe state of the cluster cannot be read now: %v\n", err)
		return
	}
	fmt.Fprintln(w, "\nThe cluster now:")
	t := printers.GetNewTabWriter(w)
	fmt.Fprintln(t, "NODE\tREADY\tKUBELET\tCONTROL PLANE\tSCHEDULING")
	for _, n := range c.Nodes {
		ready, controlPlane, scheduling := "yes", "-", "enabled"
		if !n.Ready {
			ready = "no"
		}
		if api, ok := n.Component("kube-apiserver"); ok {
			controlPlane = api.Version.String()
		}
		switch {
		case n.CordonedByUs:
			scheduling = "cordoned by this upgrade"
		case n.Unschedulable:
			scheduling = "cordoned by somebody else"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", n.Name, ready, n.KubeletVersion, controlPlane, scheduling)
	}
	t.Flush()
}

// Offered writes the versions that the package sources have.
func Offered(w io.Writer, offered map[string][]string) {
	if len(offered) == 0 {
		return
	}
	minors := make([]string, 0, len(offered))
	for m := range offered {
		minors = append(minors, m)
	}
	slices.Sort(minors)
	fmt.Fprintln(w, "Offered by the package sources:")
	for _, m := range minors {
		fmt.Fprintf(w, "  %s: %s\n", m, orDash(strings.Join(offered[m], " ")))
	}
	fmt.Fprintln(w)
}
