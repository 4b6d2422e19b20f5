package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Abort writes a plan that gives an upgrade up, as an operator reads it before saying yes.
func Abort(w io.Writer, p *plan.Plan) {
	if p.Empty() {
		fmt.Fprintln(w, "Nothing is unfinished: no record of an upgrade, no node that one has left cordoned, marked or without its holds.")
		return
	}
	fmt.Fprintf(w, "Context:  %s\nServer:   %s\n", orDash(p.Cluster.Context), p.Cluster.Server)
	if !p.To.IsZero() {
		fmt.Fprintf(w, "Given up: %s → %s\n", p.From, p.To)
	}
	packages(w, p)
	if len(p.Reasons) > 0 {
		fmt.Fprintln(w, "\nWhat was left:")
		for _, r := range p.Reasons {
			fmt.Fprintf(w, "  - %s\n", r)
		}
	}
	for _, ph := range p.Phases {
		steps(w, ph)
	}
	fmt.Fprintf(w, "\nThe record of the upgrade and the agent are removed at the end. Plan digest: %s\n", p.Digest)
}

// State is what runs where, and whether that may be so.
type State struct {
	Nodes []NodeState `json:"nodes"`
	// Mixed are all versions that run; one alone is a cluster of one version.
	Mixed []version.Version `json:"mixed"`
	// OutsideSkew says what is outside of the version skew policy.
	OutsideSkew []string `json:"outsideSkew,omitempty"`
}

// NodeState is what runs on one node.
type NodeState struct {
	Name         string                     `json:"name"`
	Ready        bool                       `json:"ready"`
	Schedulable  bool                       `json:"schedulable"`
	Kubelet      version.Version            `json:"kubelet"`
	ControlPlane map[string]version.Version `json:"controlPlane,omitempty"`
}

// NewState sums up a cluster.
func NewState(c *cluster.Cluster) *State {
	s := &State{OutsideSkew: plan.Skew(c)}
	for _, n := range c.Nodes {
		out := NodeState{Name: n.Name, Ready: n.Ready, Schedulable: !n.Unschedulable, Kubelet: n.KubeletVersion}
		s.Mixed = append(s.Mixed, n.KubeletVersion)
		for _, p := range n.StaticPods {
			if p.Version.IsZero() || !p.OfKubernetes() {
				continue
			}
			if out.ControlPlane == nil {
				out.ControlPlane = map[string]version.Version{}
			}
			out.ControlPlane[p.Component] = p.Version
			s.Mixed = append(s.Mixed, p.Version)
		}
		s.Nodes = append(s.Nodes, out)
	}
	slices.SortFunc(s.Mixed, version.Version.Compare)
	s.Mixed = slices.Compact(s.Mixed)
	return s
}

// WriteState writes what runs where for a person.
func WriteState(w io.Writer, s *State) {
	fmt.Fprintln(w, "\nThe cluster now:")
	t := printers.GetNewTabWriter(w)
	fmt.Fprintln(t, "NODE\tREADY\tSCHEDULING\tKUBELET\tCONTROL PLANE")
	for _, n := range s.Nodes {
		fmt.Fprintln(t, strings.Join(n.cells(), "\t"))
	}
	t.Flush()
	words := make([]string, 0, len(s.Mixed))
	for _, v := range s.Mixed {
		words = append(words, v.String())
	}
	switch {
	case len(s.OutsideSkew) > 0:
		fmt.Fprintln(w, "\nThis is outside of the version skew policy of Kubernetes:")
		for _, o := range s.OutsideSkew {
			fmt.Fprintf(w, "  - %s\n", o)
		}
	case len(words) > 1:
		fmt.Fprintf(w, "\nVersions are mixed (%s), within the version skew policy of Kubernetes.\n", strings.Join(words, ", "))
	default:
		fmt.Fprintf(w, "\nEverything is at %s.\n", strings.Join(words, ""))
	}
}

// cells is the node's line of a table: its name, whether it is Ready and takes pods, its kubelet, its control plane.
func (n NodeState) cells() []string {
	ready, scheduling := "yes", "enabled"
	if !n.Ready {
		ready = "no"
	}
	if !n.Schedulable {
		scheduling = "cordoned"
	}
	return []string{n.Name, ready, scheduling, n.Kubelet.String(), components(n.ControlPlane)}
}

// components writes one version where all are the same, else each with its name.
func components(m map[string]version.Version) string {
	var each, all []string
	for _, name := range plan.ControlPlaneComponents {
		if v, ok := m[name]; ok {
			each, all = append(each, name+" "+v.String()), append(all, v.String())
		}
	}
	if len(slices.Compact(slices.Clone(all))) == 1 {
		return all[0]
	}
	return orDash(strings.Join(each, ", "))
}
