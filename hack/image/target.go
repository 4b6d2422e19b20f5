package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// made is an image, or an index of one per platform.
type made struct {
	image  v1.Image // nil for an index
	index  v1.ImageIndex
	digest string
}

func assemble(images []v1.Image) (made, error) {
	if len(images) == 1 {
		d, err := images[0].Digest()
		if err != nil {
			return made{}, fmt.Errorf("digest image: %w", err)
		}
		return made{image: images[0], digest: d.String()}, nil
	}
	index := mutate.IndexMediaType(empty.Index, types.DockerManifestList)
	for _, img := range images {
		c, err := img.ConfigFile()
		if err != nil {
			return made{}, fmt.Errorf("read image config: %w", err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: c.Platform()}})
	}
	d, err := index.Digest()
	if err != nil {
		return made{}, fmt.Errorf("digest index: %w", err)
	}
	return made{index: index, digest: d.String()}, nil
}

// target is where the image goes: to exactly one place.
type target struct {
	push, tar, layout string
	insecure          bool
}

// write puts the image where it goes and returns its repository.
func (t target) write(m made, repo string) (string, error) {
	switch {
	case t.push != "" && t.tar == "" && t.layout == "":
		return t.pushTo(m)
	case t.tar != "" && t.push == "" && t.layout == "":
		if m.image == nil {
			return "", errors.New("an archive that engines load is of one platform: want one --platform, or --layout")
		}
		tag, err := name.NewTag(repo + ":latest")
		if err != nil {
			return "", err
		}
		return repo, tarball.WriteToFile(t.tar, tag, m.image)
	case t.layout != "" && t.push == "" && t.tar == "":
		return repo, t.writeLayout(m, repo)
	}
	return "", errors.New("want exactly one of --push, --tar and --layout")
}

// writeLayout removes what is there before, so that the directory is the image and nothing else.
func (t target) writeLayout(m made, repo string) error {
	if _, err := layout.FromPath(t.layout); err == nil {
		if err := os.RemoveAll(filepath.Join(t.layout, "blobs")); err != nil {
			return fmt.Errorf("write layout: %w", err)
		}
	}
	p, err := layout.Write(t.layout, empty.Index)
	if err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": repo + ":latest"})
	if m.image != nil {
		return p.AppendImage(m.image, named)
	}
	return p.AppendIndex(m.index, named)
}

func (t target) pushTo(m made) (string, error) {
	var opts []name.Option
	if t.insecure {
		opts = append(opts, name.Insecure)
	}
	ref, err := name.ParseReference(t.push, opts...)
	if err != nil {
		return "", err
	}
	auth := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	if m.image != nil {
		err = remote.Write(ref, m.image, auth)
	} else {
		err = remote.WriteIndex(ref, m.index, auth)
	}
	if err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	return ref.Context().Name(), nil
}
