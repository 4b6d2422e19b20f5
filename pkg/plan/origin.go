package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Origin is where packages or images come from, when it is not where the nodes have them from by themselves.
type Origin struct {
	// Location is as the operator gave it: the folder of a bundle, an image that carries one, or a registry.
	Location string `json:"location"`
	// Bundle is the digest of the bundle's manifest; empty for a registry.
	Bundle string `json:"bundle,omitempty"`
	// Contents say in words what the bundle has.
	Contents string `json:"contents,omitempty"`
}

// Words says where it is, for people.
func (o *Origin) Words() string {
	if o == nil {
		return ""
	}
	if o.Bundle == "" {
		return "registry " + o.Location
	}
	return o.Location + ": " + o.Contents
}

// digested is the origin without where it lies on this machine: the digest of the bundle says what it is.
func (o *Origin) digested() *Origin {
	if o == nil || o.Bundle == "" {
		return o
	}
	return &Origin{Bundle: o.Bundle}
}

func (o *Origin) bundle() string {
	if o == nil {
		return ""
	}
	return o.Bundle
}

// Repository is the image repository that an upgrade is to set, or nothing.
func (o Options) Repository() string {
	if o.ImagesFrom == nil || o.ImagesFrom.Bundle != "" {
		return ""
	}
	return o.ImagesFrom.Location
}

// Send brings files of a bundle to a node. It takes SendParams.
const Send Kind = "send"

// SendParams are the files of a bundle to bring: packages by file, and images by name, of which only those are sent that the node lacks.
type SendParams struct {
	// Bundle is the digest of its manifest.
	Bundle string            `json:"bundle"`
	Files  []hostaction.File `json:"files,omitempty"`
	Images []string          `json:"images,omitempty"`
}

// SetImageRepository writes another image repository into kubeadm's ClusterConfiguration. It takes ImageRepositoryParams.
const SetImageRepository Kind = "set-image-repository"

// ImageRepositoryParams are the repository to set, and the one from before.
type ImageRepositoryParams struct {
	Repository string `json:"repository"`
	Before     string `json:"before,omitempty"`
}

// files adds the bundle's files that a stop needs on a node: what kubeadm takes, and the rest where the kubelet moves too.
func (s stop) files(n cluster.Node, files []hostaction.File) []hostaction.File {
	r := s.in.Packages[n.Name][s.Version]
	changes := r.Kubeadm
	if s.moves(n.Name) {
		changes = slices.Concat(changes, r.Rest)
	}
	for _, c := range changes {
		if f, ok := r.Files[c.Name]; ok && !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	return files
}

// bundled are the bundle's files for going back to some versions, and for what these depend on.
func bundled(r hostaction.Resolution, versions map[string]string) []hostaction.File {
	var out []hostaction.File
	for _, c := range slices.Concat(r.Kubeadm, r.Rest) {
		_, wanted := versions[c.Name]
		_, ours := r.Versions[c.Name]
		if f, ok := r.Files[c.Name]; ok && (wanted || !ours) {
			out = append(out, f)
		}
	}
	return out
}

// send makes the steps that bring packages and images of bundles to a node, in one go if they are of the same.
func (b *builder) send(id string, n cluster.Node, files []hostaction.File) []Step {
	images := b.in.Images[n.Name]
	packages := SendParams{Bundle: b.in.Options.PackagesFrom.bundle(), Files: files}
	pictures := SendParams{Bundle: b.in.Options.ImagesFrom.bundle(), Images: images}
	if packages.Bundle == pictures.Bundle {
		packages.Images, pictures.Images = pictures.Images, nil
	}
	var steps []Step
	for _, p := range []struct {
		id     string
		params SendParams
	}{{"/send", packages}, {"/send-images", pictures}} {
		if p.params.Bundle == "" || len(p.params.Files)+len(p.params.Images) == 0 {
			continue
		}
		steps = append(steps, b.step(id+p.id, p.params.title(), Send, n.Name, p.params, false, time.Hour))
	}
	if len(images) > 0 && b.in.Options.ImagesFrom.bundle() != "" {
		steps = append(steps, b.host(id+"/import", fmt.Sprintf("load %d images into the container runtime", len(images)), n.Name,
			hostaction.ImportImages{Bundle: b.in.Options.ImagesFrom.bundle(), Images: images}, 30*time.Minute))
	}
	return steps
}

func (p SendParams) title() string {
	var what []string
	if len(p.Files) > 0 {
		var size int64
		for _, f := range p.Files {
			size += f.Size
		}
		what = append(what, fmt.Sprintf("%d package files (%d MiB)", len(p.Files), size>>20))
	}
	if len(p.Images) > 0 {
		what = append(what, fmt.Sprintf("those of %d images that it lacks", len(p.Images)))
	}
	return "send " + strings.Join(what, " and ") + " from the bundle"
}

// repository sets the image repository, if another one was asked for.
func (b *builder) repository() []Phase {
	to, before := b.in.Options.Repository(), b.in.Cluster.Kubeadm.ImageRepository
	if to == "" || to == before {
		return nil
	}
	const id = "image-repository"
	return []Phase{{ID: id, Title: "Take images from " + to, Parallel: 1, Groups: []Group{{
		ID: id + "/cluster", Title: "cluster", Steps: []Step{
			b.step(id+"/set", fmt.Sprintf("set imageRepository of kubeadm's configuration to %s (now %s)", to, orNone(before)), SetImageRepository, "",
				ImageRepositoryParams{Repository: to, Before: before}, true, 5*time.Minute),
		},
	}}}}
}

// imageRepository is where kubeadm will take images from.
func (b *builder) imageRepository() string {
	if to := b.in.Options.Repository(); to != "" {
		return to
	}
	return b.in.Cluster.Kubeadm.ImageRepository
}

func (b *builder) packagesTitle(v version.Version) string {
	if b.in.Options.PackagesFrom.bundle() != "" {
		return "unpack packages of " + v.String()
	}
	return "download packages of " + v.String()
}

func (b *builder) imagesTitle(v version.Version) string {
	if b.in.Options.ImagesFrom.bundle() != "" {
		return "check that every image of " + v.String() + " is there"
	}
	return "pull images of " + v.String()
}
