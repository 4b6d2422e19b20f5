package plan

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Stop is a version of the way, and the nodes whose kubelets are brought to it before the control plane goes on.
type Stop struct {
	Version version.Version
	Nodes   []string
}

// Stops plans when kubelets move: at the end, and before it only those that would fall behind further than is allowed.
// A node whose kubelet is too old from the start is first brought to where the control plane is, and so is one that has something which only
// kubeadm of that release takes out of its files.
func Stops(c *cluster.Cluster, path []version.Version) []Stop {
	kubelets := map[string]version.Version{}
	for _, n := range c.Nodes {
		kubelets[n.Name] = n.KubeletVersion
	}
	var stops []Stop
	at := ControlPlaneVersion(c)
	for _, v := range path {
		var move []string
		for _, n := range c.Nodes {
			k := kubelets[n.Name]
			// What was cut short at this very stop is brought to its end before the climb goes on.
			begun := k == at && at != v && (n.CordonedByUs || n.Host != nil && n.Host.HeldBefore != nil)
			// On the control plane kubeadm of every release runs anyway.
			stripped := n.Role != cluster.ControlPlane && k.MinorsTo(at) > 0 && !at.SameMinor(v) && hazard.StripsFlags(n, at)
			if begun || stripped || k.MinorsTo(v) > knowledge.KubeletLag(v) && k.Less(at) {
				move = append(move, n.Name)
				kubelets[n.Name] = at
			}
		}
		if len(move) > 0 {
			if len(stops) == 0 {
				stops = append(stops, Stop{Version: at})
			}
			stops[len(stops)-1].Nodes = move
		}
		stops = append(stops, Stop{Version: v})
		at = v
	}
	last := &stops[len(stops)-1]
	for _, n := range c.Nodes {
		last.Nodes = append(last.Nodes, n.Name)
	}
	return stops
}

// Needs tells for which versions a node needs packages: a control-plane node climbs every stop with kubeadm, a worker has only those at which its kubelet moves.
func Needs(n cluster.Node, stops []Stop) []version.Version {
	var out []version.Version
	for _, s := range stops {
		if n.Role == cluster.ControlPlane || s.moves(n.Name) {
			out = append(out, s.Version)
		}
	}
	return out
}

func (s Stop) moves(node string) bool { return slices.Contains(s.Nodes, node) }

// why says in a sentence each what decided how often nodes are drained.
func why(c *cluster.Cluster, stops []Stop) []string {
	last := stops[len(stops)-1].Version
	var out []string
	for i, s := range stops[:len(stops)-1] {
		if len(s.Nodes) == 0 {
			continue
		}
		next := stops[i+1].Version
		if slices.ContainsFunc(c.Nodes, func(n cluster.Node) bool {
			return n.Role != cluster.ControlPlane && s.moves(n.Name) && hazard.StripsFlags(n, s.Version)
		}) {
			out = append(out, fmt.Sprintf("%d of %d nodes are drained at %s already: only its kubeadm takes flags out of the kubelet's that later ones do not know", len(s.Nodes), len(c.Nodes), s.Version))
			continue
		}
		out = append(out, fmt.Sprintf("%d of %d nodes are drained at %s already: %s lets kubelets be at most %d minors behind", len(s.Nodes), len(c.Nodes), s.Version, next, knowledge.KubeletLag(next)))
	}
	if len(stops) > 1 && len(out) == 0 {
		out = append(out, fmt.Sprintf("every node is drained once, at the end: kubelets may be up to %d minors behind %s", knowledge.KubeletLag(last), last))
	}
	return out
}
