package pack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
)

// foundImage is an image that the user has, for one architecture.
type foundImage struct {
	name, arch string
	image      v1.Image
}

// scanImages reads which images an archive has.
func (p *packer) scanImages(ctx context.Context, path string) error {
	found, err := p.readImages(ctx, path)
	if err != nil {
		return fmt.Errorf("read image archive %s: %w", path, err)
	}
	if len(found) == 0 {
		return fmt.Errorf("read image archive %s: no image in it has a name with a tag", path)
	}
	p.images = append(p.images, found...)
	return nil
}

func (p *packer) readImages(ctx context.Context, path string) ([]foundImage, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return p.readLayout(path)
	}
	oci, docker, err := kinds(path)
	if err != nil {
		return nil, err
	}
	// An archive may be both. Only the index can have an image for several architectures, only Docker's list is sure to have names.
	if oci {
		dir, err := os.MkdirTemp(p.scratch, "layout-*")
		if err != nil {
			return nil, err
		}
		if err := untar(ctx, path, dir); err != nil {
			return nil, err
		}
		found, err := p.readLayout(dir)
		if err != nil || len(found) > 0 || !docker {
			return found, err
		}
	}
	if !docker {
		return nil, errors.New("it has neither an index.json nor a manifest.json: want what docker save, ctr images export or skopeo write")
	}
	return readDocker(path)
}

// kinds looks which lists of images an archive has.
func kinds(path string) (oci, docker bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return oci, docker, nil
		}
		if err != nil {
			return false, false, fmt.Errorf("it is no whole tar archive (unpack it first if it is compressed): %w", err)
		}
		switch filepath.Clean(h.Name) {
		case "index.json":
			oci = true
		case "manifest.json":
			docker = true
		}
	}
}

func readDocker(path string) ([]foundImage, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(path) }
	list, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, err
	}
	var out []foundImage
	for _, d := range list {
		for _, ref := range d.RepoTags {
			tag, err := name.NewTag(ref, name.WeakValidation)
			if err != nil {
				return nil, err
			}
			img, err := tarball.Image(opener, &tag)
			if err != nil {
				return nil, err
			}
			if out, err = withArch(out, ref, img); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// The annotations that name an image in an index, the more telling first.
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
var nameAnnotations = []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"}

var fullName = regexp.MustCompile(`^[^/]+/.+:[^/]+$`)

func (p *packer) readLayout(dir string) ([]foundImage, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var out []foundImage
	for _, d := range manifest.Manifests {
		ref := ""
		for _, a := range nameAnnotations {
			if v := d.Annotations[a]; ref == "" && fullName.MatchString(v) {
				ref = v
			}
		}
		if ref == "" {
			continue
		}
		if out, err = fromIndex(out, ref, index, d); err != nil {
			return nil, fmt.Errorf("image %s: %w", ref, err)
		}
	}
	return out, nil
}

// fromIndex takes an image, or every one of an index of architectures that is there: an export may have left out some.
func fromIndex(out []foundImage, ref string, index v1.ImageIndex, d v1.Descriptor) ([]foundImage, error) {
	if d.MediaType.IsImage() {
		img, err := index.Image(d.Digest)
		if err != nil {
			return nil, err
		}
		return withArch(out, ref, img)
	}
	if !d.MediaType.IsIndex() {
		return out, nil
	}
	inner, err := index.ImageIndex(d.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := inner.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if m.Platform == nil || m.Platform.OS != "linux" {
			continue
		}
		img, err := inner.Image(m.Digest)
		if err != nil {
			continue // this architecture was not exported
		}
		if out, err = withArch(out, ref, img); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func withArch(out []foundImage, ref string, img v1.Image) ([]foundImage, error) {
	c, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return append(out, foundImage{name: ref, arch: c.Architecture, image: img}), nil
}

// image finds an image as bundle.Manifest does: by its name, else by the end of it.
func (p *packer) image(want, arch string) (foundImage, bool) {
	for _, same := range []func(string) bool{
		func(have string) bool { return have == want },
		func(have string) bool { return bundle.LastPart(have) == bundle.LastPart(want) },
	} {
		i := slices.IndexFunc(p.images, func(f foundImage) bool { return f.arch == arch && same(f.name) })
		if i >= 0 {
			return p.images[i], true
		}
	}
	return foundImage{}, false
}

// takeImages adds the images of a release.
func (p *packer) takeImages(r bundle.Release, arch string, missing *MissingError) {
	for _, want := range r.Images {
		found, ok := p.image(want, arch)
		if !ok {
			missing.Items = append(missing.Items, fmt.Sprintf("image %s for %s, which kubeadm %s needs", want, arch, r.Version))
			continue
		}
		path := "images/" + unsafe.ReplaceAllString(found.name, "_") + "_" + arch + ".tar"
		if !slices.ContainsFunc(p.manifest.Images, func(i bundle.Image) bool { return i.Path == path }) {
			p.manifest.Images = append(p.manifest.Images, bundle.Image{File: bundle.File{Path: path}, Name: found.name, Arch: arch})
		}
	}
}

// unsafe is what does not belong into a file's name.
var unsafe = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// writeImage writes one image as an archive of Docker's kind: every container runtime's tools load that, however old.
func (p *packer) writeImage(ctx context.Context, i *bundle.Image) error {
	found, ok := p.image(i.Name, i.Arch)
	if !ok {
		return fmt.Errorf("make bundle: image %s is gone", i.Name)
	}
	tag, err := name.NewTag(i.Name, name.WeakValidation)
	if err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	return p.create(&i.File, func(w io.Writer) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return tarball.Write(tag, found.image, w)
	})
}

// untar unpacks the plain files of an archive.
func untar(ctx context.Context, path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for r := tar.NewReader(interruptible{ctx, f}); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		to := filepath.Clean(strings.TrimPrefix(h.Name, "/"))
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := extract(root, to, r); err != nil {
			return err
		}
	}
}

func extract(root *os.Root, to string, r io.Reader) error {
	w, err := root.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r) //nolint:gosec // the user's own archive
	return errors.Join(err, w.Close())
}
