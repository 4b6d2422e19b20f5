package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// minorsAhead is how far to look for a target when none was asked for: a year and a half of releases.
const minorsAhead = 4

// findPath chooses the target, if none was asked for, and the versions on the way to it. That there is no way is a finding.
func (u *Upgrade) findPath(ctx context.Context, p *Prepared) error {
	from := plan.ControlPlaneVersion(p.Cluster)
	minors := plan.Between(from, p.To)
	if p.To.IsZero() {
		far := from
		far.Minor += minorsAhead + 1
		minors = append([]string{from.MinorString()}, plan.Between(from, far)...)
	}
	offered, err := u.offered(ctx, p, minors)
	if err != nil {
		return err
	}
	if p.To.IsZero() {
		p.Offered = offered
		p.To = newest(p.Cluster.Kubeadm.KubernetesVersion, minors, offered)
	}
	releases := map[string][]version.Version{}
	for minor, versions := range offered {
		releases[minor] = parse(versions)
	}
	if err := u.checkVia(p); err != nil {
		return err
	}
	p.Path, err = plan.Path(p.Cluster, p.To, releases, u.opts.Via)
	if err != nil {
		return p.block(preflight.Finding{ID: "no-way", Severity: preflight.Error, Object: "--to " + p.To.String(), Message: err.Error(),
			Fix: u.noWay()})
	}
	return nil
}

func (u *Upgrade) noWay() string {
	if b := u.bundles.packages; b != nil {
		return fmt.Sprintf("make a bundle with a release of that minor too (%s is made for %s), or choose a target before it", b.Short(), b.ReleaseNames())
	}
	return "make the repository of that minor reachable from the control-plane nodes, or choose a target before it"
}

// offered asks the first control-plane node which versions the package sources of some minors have.
func (u *Upgrade) offered(ctx context.Context, p *Prepared, minors []string) (map[string][]string, error) {
	if len(minors) == 0 {
		return nil, nil
	}
	controlPlanes := p.Cluster.OfRole(cluster.ControlPlane)
	if len(controlPlanes) == 0 {
		return nil, errors.New("ask for offered versions: no control-plane node found")
	}
	first := slices.MinFunc(controlPlanes, func(a, b cluster.Node) int { return strings.Compare(a.Name, b.Name) })
	out := map[string][]string{}
	return out, u.ask(ctx, first.Name, "offered", hostaction.OfferedVersions{Minors: minors, Bundle: u.bundles.packages.digest()}, 5*time.Minute, &out)
}

// newest finds the newest release that can be reached without passing over a minor of which nothing is offered.
func newest(have version.Version, minors []string, offered map[string][]string) version.Version {
	best := have
	for i, m := range minors {
		vs := parse(offered[m])
		if len(vs) == 0 && i > 0 {
			break
		}
		for _, v := range vs {
			if v.Pre == "" && best.Less(v) {
				best = v
			}
		}
	}
	return best
}

// parse reads full package versions such as "1.34.2-1.1"; what cannot be read is none that we go to.
func parse(full []string) []version.Version {
	var out []version.Version
	for _, f := range full {
		bare, _, _ := strings.Cut(f, "-")
		if v, err := version.Parse(bare); err == nil {
			out = append(out, v)
		}
	}
	return out
}
