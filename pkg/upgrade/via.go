package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// viaAhead leaves out releases that an upgrade to the same target has passed: the same command has to go on with it, and to find
// nothing to do afterwards.
func (u *Upgrade) viaAhead(p *Prepared, from version.Version) []version.Version {
	if from != p.To && (p.Unfinished == nil || p.Unfinished.To != p.To) {
		return u.opts.Via
	}
	return slices.DeleteFunc(slices.Clone(u.opts.Via), func(v version.Version) bool {
		return v == from || v.Less(from) != p.To.Less(from)
	})
}

// checkVia refuses releases of Kubernetes that are not on the way.
func (u *Upgrade) checkVia(p *Prepared) error {
	via := u.viaAhead(p, plan.ControlPlaneVersion(p.Cluster))
	if err := plan.CheckVia(p.Cluster, p.To, via); err != nil {
		return p.block(preflight.Finding{ID: "via", Severity: preflight.Error, Object: "--via", Message: err.Error(), Fix: "name one release of each minor between"})
	}
	return nil
}

// checkEtcdVia refuses releases of etcd that are not on the way.
func (u *Upgrade) checkEtcdVia(p *Prepared, from version.Version, hops []knowledge.Hop) []preflight.Finding {
	var way []string
	for _, h := range hops {
		way = append(way, h.To.Bare())
	}
	var out []preflight.Finding
	for _, v := range u.viaAhead(p, from) {
		if !slices.Contains(way, v.Bare()) {
			out = append(out, preflight.Finding{ID: "via", Severity: preflight.Error, Object: "--via", Message: fmt.Sprintf("%s is not on the way from %s to %s, which leads through %s",
				v.Bare(), from.Bare(), p.To.Bare(), strings.Join(way, ", ")), Fix: "name only releases of minors between, one of each"})
		}
	}
	return out
}
