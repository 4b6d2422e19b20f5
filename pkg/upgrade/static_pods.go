package upgrade

import (
	"context"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// staticPods asks the target's kubeadm on a control-plane node what it would change in the static pods there. That it cannot tell keeps nobody from
// upgrading. A bundle's kubeadm is not on the host before the plan was agreed to.
func (u *Upgrade) staticPods(ctx context.Context, p *Prepared, packages plan.Packages) (*plan.StaticPods, error) {
	if !plan.ControlPlaneVersion(p.Cluster).Less(p.To) || u.opts.PackagesFrom != nil {
		return nil, nil //nolint:nilnil // there is nothing to tell
	}
	node := p.Cluster.OfRole(cluster.ControlPlane)[0].Name
	kubeadm := cluster.PackageNames[0]
	debian, ok := packages[node][p.To].Versions[kubeadm]
	if !ok {
		return nil, nil //nolint:nilnil // it is upgraded by other means
	}
	defer u.waiting("")
	out := &plan.StaticPods{Node: node}
	err := u.ask(ctx, node, "kubeadm/"+p.To.String(), hostaction.DownloadPackages{Version: p.To, Versions: map[string]string{kubeadm: debian}}, 5*time.Minute, nil)
	if err == nil {
		err = u.ask(ctx, node, "diff/"+p.To.String(), hostaction.KubeadmDiff{Version: p.To}, time.Minute, &out.Diff)
	}
	if why, ok := refusal(err); ok {
		u.warn("what kubeadm changes in static pods cannot be shown: %s", why)
		return nil, nil //nolint:nilnil // it is not to be had
	}
	return out, err
}
