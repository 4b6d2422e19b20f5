package pack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Target is where a bundle is pushed to, and the agent that carries it.
type Target struct {
	Reference string
	// AgentArchives are archives with the agent's image; AgentImage is pulled where there is none for an architecture.
	AgentImage    string
	AgentArchives []string
	Insecure      bool
}

// Push makes a bundle and pushes it as an image of the agent with the files of one architecture in it, one such image for each. The
// nodes pull it with their own runtime, credentials and mirrors, and the agent that runs from it finds the files in its own root.
// The reference that is given back has the digest.
func Push(ctx context.Context, in Input, t Target) (*bundle.Manifest, string, error) {
	ref, err := name.ParseReference(t.Reference, t.options()...)
	if err != nil {
		return nil, "", fmt.Errorf("push bundle: %w", err)
	}
	tmp, err := os.MkdirTemp("", "kubectl-upgrade-bundle-*")
	if err != nil {
		return nil, "", fmt.Errorf("push bundle: %w", err)
	}
	defer os.RemoveAll(tmp)
	in.Output = filepath.Join(tmp, "bundle")
	made, err := Make(ctx, in)
	if err != nil {
		return nil, "", err
	}
	index := mutate.IndexMediaType(empty.Index, types.DockerManifestList)
	arches := made.Arches()
	var single v1.Image
	for _, arch := range arches {
		base, err := t.agent(ctx, arch)
		if err != nil {
			return nil, "", fmt.Errorf("push bundle: %w", err)
		}
		img, err := carry(base, made, arch)
		if err != nil {
			return nil, "", fmt.Errorf("push bundle: %w", err)
		}
		single = img
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	opts := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	var digest v1.Hash
	if len(arches) == 1 {
		if err = remote.Write(ref, single, opts...); err == nil {
			digest, err = single.Digest()
		}
	} else {
		if err = remote.WriteIndex(ref, index, opts...); err == nil {
			digest, err = index.Digest()
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("push bundle to %s: %w", ref, err)
	}
	return made.Manifest, ref.Context().Name() + "@" + digest.String(), nil
}

func (t Target) options() []name.Option {
	if t.Insecure {
		return []name.Option{name.Insecure}
	}
	return nil
}

// agent finds the agent's image for an architecture.
func (t Target) agent(ctx context.Context, arch string) (v1.Image, error) {
	var have []string
	for _, path := range t.AgentArchives {
		img, err := tarball.ImageFromPath(path, nil)
		if err != nil {
			return nil, fmt.Errorf("read the agent's image %s: %w", path, err)
		}
		c, err := img.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read the agent's image %s: %w", path, err)
		}
		if c.Architecture == arch {
			return img, nil
		}
		have = append(have, c.Architecture)
	}
	if len(have) > 0 {
		return nil, fmt.Errorf("find the agent's image for %s: the archives have it for %s", arch, strings.Join(have, ", "))
	}
	if t.AgentImage == "" {
		return nil, errors.New("find the agent's image: name an archive of it with --agent-archive, or the image with --agent-image")
	}
	ref, err := name.ParseReference(t.AgentImage, t.options()...)
	if err != nil {
		return nil, err
	}
	img, err := remote.Image(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
	if err != nil {
		return nil, fmt.Errorf("pull the agent's image %s for %s: %w", ref, arch, err)
	}
	return img, nil
}

// carry adds the files for an architecture: those that change least often first, so that the next bundle shares their layer.
func carry(base v1.Image, made *bundle.Folder, arch string) (v1.Image, error) {
	manifest, err := made.ManifestFile()
	if err != nil {
		return nil, err
	}
	var packages, images []bundle.File
	for _, p := range made.Packages {
		if p.Arch == "all" || bundle.GoArch(p.Arch) == arch {
			packages = append(packages, p.File)
		}
	}
	for _, p := range made.Programs {
		if p.Arch == "" || p.Arch == arch {
			packages = append(packages, p.File)
		}
	}
	for _, i := range made.Images {
		if i.Arch == arch {
			images = append(images, i.File)
		}
	}
	for _, files := range [][]bundle.File{images, packages, {manifest}} {
		if len(files) == 0 {
			continue
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return tarOf(made, files), nil })
		if err != nil {
			return nil, fmt.Errorf("make layer: %w", err)
		}
		if base, err = mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: epoch()}, CreatedBy: "kubectl upgrade bundle"}}); err != nil {
			return nil, fmt.Errorf("append layer: %w", err)
		}
	}
	return base, nil
}

// epoch is the time of everything in a layer: the same files give the same layer.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// tarOf streams files as a layer, below the folder in which the agent looks for them.
func tarOf(made *bundle.Folder, files []bundle.File) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		for _, f := range files {
			if err := addTo(t, made, f); err != nil {
				w.CloseWithError(err)
				return
			}
		}
		w.CloseWithError(t.Close())
	}()
	return r
}

func addTo(t *tar.Writer, made *bundle.Folder, f bundle.File) error {
	h := &tar.Header{
		Name: path.Join(strings.TrimPrefix(hostaction.CarriedBundle, "/"), f.Path), Mode: 0o644, Size: f.Size,
		ModTime: epoch(), Typeflag: tar.TypeReg, Format: tar.FormatPAX,
	}
	if err := t.WriteHeader(h); err != nil {
		return fmt.Errorf("write layer: %w", err)
	}
	src, err := made.Read(f, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, err := io.Copy(t, src); err != nil {
		return fmt.Errorf("write layer: %w", err)
	}
	return nil
}
