package plan

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// summary says what the plan does to one node.
func (b *builder) summary(n cluster.Node) NodeSummary {
	out := NodeSummary{Name: n.Name, Role: string(n.Role), Kubelet: n.KubeletVersion}
	have := map[string]string{}
	for _, i := range b.touched[n.Name] {
		s := b.at(i)
		moves := s.moves(n.Name) && !s.nodeDone(n)
		out.Stops = append(out.Stops, nodeStop(s, b.in.Packages[n.Name][s.Version], moves, have))
		if moves {
			out.Evicted = nil
			for _, p := range n.Pods {
				out.Evicted = append(out.Evicted, p.Namespace+"/"+p.Name)
			}
		}
	}
	if len(out.Stops) > 0 {
		out.Held = held(n)
	}
	return out
}

// nodeStop tells of the packages at one stop. Every stop was simulated on the host as it is now, so what an earlier stop
// has brought by then is counted in.
func nodeStop(s stop, res hostaction.Resolution, moves bool, have map[string]string) NodeStop {
	out := NodeStop{Version: s.Version}
	changes := res.Kubeadm
	if moves {
		changes = slices.Concat(changes, res.Rest)
	}
	for _, c := range changes {
		p := PackageChange(c)
		if v, ok := have[p.Name]; ok {
			p.From = v
		}
		if p.From == p.To {
			continue
		}
		have[p.Name] = p.To
		out.Packages = append(out.Packages, p)
	}
	for _, e := range res.Edits {
		edit := SourceEdit(e)
		if line, ok := have[e.File]; ok {
			edit.Before = line
		}
		have[e.File] = e.After
		out.Edits = append(out.Edits, edit)
	}
	return out
}
