package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// spec is what the image is made of.
type spec struct {
	binary, name, platform, version string
	args                            []string
}

// epoch is the time of everything in the image: the time of building would make every digest another one.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

func (s spec) image() (v1.Image, error) {
	platform, err := v1.ParsePlatform(s.platform)
	if err != nil {
		return nil, fmt.Errorf("parse platform: %w", err)
	}
	content, err := s.layer()
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return nil, fmt.Errorf("make layer: %w", err)
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: epoch()}, CreatedBy: "hack/image", Comment: "add /" + s.name},
	})
	if err != nil {
		return nil, fmt.Errorf("append layer: %w", err)
	}
	old, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read image config: %w", err)
	}
	return mutate.ConfigFile(img, s.config(old.DeepCopy(), platform))
}

// config completes the image's config.
func (s spec) config(c *v1.ConfigFile, p *v1.Platform) *v1.ConfigFile {
	c.Created = v1.Time{Time: epoch()}
	c.OS, c.Architecture, c.Variant = p.OS, p.Architecture, p.Variant
	c.Config.Entrypoint = []string{"/" + s.name}
	c.Config.Cmd = s.args
	c.Config.Labels = map[string]string{
		"org.opencontainers.image.title":  s.name,
		"org.opencontainers.image.source": "https://github.com/kubectl-upgrade/kubectl-upgrade",
	}
	if s.version != "" {
		c.Config.Labels["org.opencontainers.image.version"] = s.version
	}
	return c
}

// layer is a tar of the binary alone, with nothing in its header that depends on where it was built.
func (s spec) layer() ([]byte, error) {
	b, err := os.ReadFile(s.binary)
	if err != nil {
		return nil, fmt.Errorf("read binary: %w", err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	h := &tar.Header{Name: s.name, Mode: 0o755, Size: int64(len(b)), ModTime: epoch(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if err := w.WriteHeader(h); err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	return buf.Bytes(), nil
}
