package apt

import (
	"context"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// namedOffers is how many versions an error names.
const namedOffers = 5

// Resolve finds the package versions of the target and what installing them would change and cost.
func (p *Private) Resolve(ctx context.Context) (hostaction.Resolution, error) {
	r := hostaction.Resolution{Edits: p.Edits}
	if err := p.Update(ctx); err != nil {
		return r, err
	}
	names, err := wanted(ctx)
	if err != nil {
		return r, err
	}
	offered, err := offers(ctx, p.options(), names)
	if err != nil {
		return r, err
	}
	kubeadm := cluster.PackageNames[0]
	r.Offered = OfMinor(offered[kubeadm], p.target)
	r.Versions = map[string]string{}
	for _, n := range order(names) {
		v, ok := Newest(offered[n], p.target)
		if !ok {
			return r, notFound(n, offered[n], p)
		}
		r.Versions[n] = v
	}
	alone := map[string]string{kubeadm: r.Versions[kubeadm]}
	if r.Kubeadm, err = simulate(ctx, p.log, p.options(), alone); err != nil {
		return r, err
	}
	all, err := simulate(ctx, p.log, p.options(), r.Versions)
	if err != nil {
		return r, err
	}
	r.Rest = Without(all, r.Kubeadm)
	if r.Files, err = p.needed(ctx, all); err != nil {
		return r, err
	}
	return r, p.sizes(ctx, &r, all)
}

// wanted are kubeadm, which every node of the cluster needs, and those of kubelet and kubectl that are there.
func wanted(ctx context.Context) (map[string]bool, error) {
	pkgs, _, err := Installed(ctx, cluster.PackageNames[:3])
	if err != nil {
		return nil, err
	}
	names := map[string]bool{cluster.PackageNames[0]: true}
	for _, p := range pkgs {
		names[p.Name] = true
	}
	return names, nil
}

func notFound(name string, offered []string, p *Private) error {
	have := OfMinor(offered, p.target)
	if len(have) == 0 {
		have = offered
	}
	if len(have) == 0 {
		return fault.New(hostaction.CodePackageNotFound, "find package %s %s: %s has none", name, p.target.Bare(), p.offerer())
	}
	return fault.New(hostaction.CodePackageNotFound, "find package %s %s: the newest that %s has are %s",
		name, p.target.Bare(), p.offerer(), strings.Join(have[:min(len(have), namedOffers)], ", "))
}

func (p *Private) sizes(ctx context.Context, r *hostaction.Resolution, all []hostaction.PackageChange) error {
	out, err := proc.Output(ctx, "apt-get", install(p.options(), r.Versions, "-q", "--print-uris")...)
	if err != nil {
		return err
	}
	r.DownloadBytes = DownloadSize(out)
	show := append(p.options(), "show")
	for _, c := range all {
		if c.To != "" {
			show = append(show, c.Name+"="+c.To)
		}
	}
	if show[len(show)-1] == "show" {
		return nil
	}
	if out, err = proc.Output(ctx, "apt-cache", show...); err != nil {
		return err
	}
	r.InstallBytes = InstalledSize(out)
	return nil
}
