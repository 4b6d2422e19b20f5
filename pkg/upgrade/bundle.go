package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Source is where packages or images come from, when it is not where the nodes have them from by themselves.
type Source struct {
	// Location is as the operator gave it.
	Location string
	// Folder is the bundle on this machine, if it is one.
	Folder *bundle.Folder
	// Carried is set when the agent's own image carries the bundle. A source that is neither is a registry.
	Carried bool
}

// bundleInUse is a bundle whose manifest is known.
type bundleInUse struct {
	*bundle.Manifest
	file   hostaction.File
	source agent.Source
	origin *plan.Origin
}

// bundles are those that an upgrade takes packages and images from; nil where it takes none. registry is another one for images.
type bundles struct {
	packages, images *bundleInUse
	registry         *plan.Origin
}

func (b *bundleInUse) digest() string {
	if b == nil {
		return ""
	}
	return b.Digest()
}

// bringBundles learns what the bundles have, and puts their manifests on every node, by which the hosts answer. The rest follows when
// the plan runs.
func (u *Upgrade) bringBundles(ctx context.Context, p *Prepared) error {
	var err error
	if u.bundles.packages, err = u.open(ctx, p, u.opts.PackagesFrom); err != nil {
		return err
	}
	if u.bundles.images, err = u.open(ctx, p, u.opts.ImagesFrom); err != nil {
		return err
	}
	if s := u.opts.ImagesFrom; s != nil && u.bundles.images == nil {
		u.bundles.registry = &plan.Origin{Location: s.Location}
	}
	if u.bundles.packages == nil && u.bundles.images == nil {
		return nil
	}
	return u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		sent := ""
		for _, b := range []*bundleInUse{u.bundles.packages, u.bundles.images} {
			if b == nil || b.Digest() == sent {
				continue
			}
			sent = b.Digest()
			if err := u.agents.Send(ctx, n.Name, b.Digest(), []hostaction.File{b.file}, b.source, agent.Follow{Waiting: u.waiting}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (u *Upgrade) open(ctx context.Context, p *Prepared, s *Source) (*bundleInUse, error) {
	switch {
	case s == nil || s.Folder == nil && !s.Carried:
		return nil, nil
	case s.Carried:
		return u.openCarried(ctx, p, s)
	}
	f, err := s.Folder.ManifestFile()
	if err != nil {
		return nil, err
	}
	return inUse(s, s.Folder.Manifest, f, s.Folder), nil
}

func (u *Upgrade) openCarried(ctx context.Context, p *Prepared, s *Source) (*bundleInUse, error) {
	if len(p.Cluster.Nodes) == 0 {
		return nil, errors.New("ask for the bundle of the agent's image: the cluster has no node")
	}
	text, err := u.agents.CarriedManifest(ctx, p.Cluster.Nodes[0].Name)
	if err != nil {
		return nil, fmt.Errorf("read the bundle of %s: %w", s.Location, err)
	}
	m, err := bundle.Decode(text)
	if err != nil {
		return nil, err
	}
	f := hostaction.File{Path: bundle.ManifestName, Size: int64(len(text)), SHA256: strings.TrimPrefix(m.Digest(), "sha256:")}
	return inUse(s, m, f, nil), nil
}

func inUse(s *Source, m *bundle.Manifest, f hostaction.File, source agent.Source) *bundleInUse {
	return &bundleInUse{m, f, source, &plan.Origin{Location: s.Location, Bundle: m.Digest(), Contents: m.Describe()}}
}

// sources are where the steps of the plan find the bundles' files.
func (b bundles) sources() map[string]agent.Source {
	out := map[string]agent.Source{}
	for _, u := range []*bundleInUse{b.packages, b.images} {
		if u != nil {
			out[u.Digest()] = u.source
		}
	}
	return out
}

// origins tells the plan where packages and images come from.
func (b bundles) origins() (packages, images *plan.Origin) {
	images = b.registry
	if b.packages != nil {
		packages = b.packages.origin
	}
	if b.images != nil {
		images = b.images.origin
	}
	return packages, images
}

// onEveryNode are the images that workers run: those of kubeadm's add-ons, and of the sandbox.
var onEveryNode = []string{"kube-proxy", "coredns", "pause"}

// names are the images that a node needs on the way, under the names that its kubelet will ask for. Lacking are releases of which the
// bundle has no images.
func (b *bundleInUse) names(c *cluster.Cluster, n cluster.Node, path []version.Version) (images []string, lacking []version.Version) {
	for _, v := range path {
		r, ok := b.Release(v)
		if !ok || len(r.Images) == 0 {
			lacking = append(lacking, v)
			continue
		}
		for _, i := range r.Images {
			component, _, _ := strings.Cut(bundle.LastPart(i), ":")
			if n.Role != cluster.ControlPlane && !slices.Contains(onEveryNode, component) {
				continue
			}
			if i = inRepository(i, c.Kubeadm.ImageRepository); !slices.Contains(images, i) {
				images = append(images, i)
			}
		}
	}
	return images, lacking
}

// inRepository gives an image of kubeadm's list the name that it has in another repository: without the folder that CoreDNS alone has in
// the default one (GetDNSImage in cmd/kubeadm/app/images).
func inRepository(image, repository string) string {
	switch repository = strings.TrimSuffix(repository, "/"); repository {
	case "", "registry.k8s.io", "k8s.gcr.io":
		return image
	}
	return repository + "/" + bundle.LastPart(image)
}

// bundledImages asks a host whether it has, or can have, every image of the way.
func (u *Upgrade) bundledImages(ctx context.Context, p *Prepared, n *cluster.Node, r *preflight.HostReport) error {
	names, lacking := u.bundles.images.names(p.Cluster, *n, p.Path)
	if len(lacking) > 0 {
		r.ImageError = fmt.Sprintf("%s, made for %s, has no images of %s", u.bundles.images.Short(), u.bundles.images.ReleaseNames(), joined(lacking))
		return nil
	}
	var files []hostaction.File
	err := u.ask(ctx, n.Name, "images", hostaction.FindImages{Bundle: u.bundles.images.Digest(), Images: names}, 5*time.Minute, &files)
	if failed, ok := errors.AsType[*agent.ActionError](err); ok {
		r.ImageError = failed.Result.Error
		return nil
	}
	for _, f := range files {
		r.ImageBytes += uint64(max(f.Size, 0))
	}
	return err
}

func joined(versions []version.Version) string {
	var out []string
	for _, v := range versions {
		out = append(out, v.String())
	}
	return strings.Join(out, ", ")
}

// imagesByNode are the images that every node needs out of the bundle; nil without one.
func (u *Upgrade) imagesByNode(p *Prepared) map[string][]string {
	if u.bundles.images == nil {
		return nil
	}
	out := map[string][]string{}
	for _, n := range p.Cluster.Nodes {
		out[n.Name], _ = u.bundles.images.names(p.Cluster, n, p.Path)
	}
	return out
}
