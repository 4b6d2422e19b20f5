package main

import (
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// maker makes images. Both paths may have {arch} in them.
type maker struct {
	spec
	bundle
	binary, version string
	// contents lists what a program was made of; nil for no list.
	contents func(path, name, version string) ([]byte, error)
}

func forArch(path, arch string) string { return strings.ReplaceAll(path, "{arch}", arch) }

// images makes one image per platform.
func (m maker) images(platforms []string) ([]v1.Image, error) {
	if len(platforms) == 0 {
		return nil, errors.New("want a platform")
	}
	var list []v1.Image
	for _, p := range platforms {
		platform, err := v1.ParsePlatform(p)
		if err != nil {
			return nil, fmt.Errorf("parse platform: %w", err)
		}
		img, err := m.image(platform)
		if err != nil {
			return nil, fmt.Errorf("make image for %s: %w", p, err)
		}
		list = append(list, img)
	}
	return list, nil
}

func (m maker) image(platform *v1.Platform) (v1.Image, error) {
	parts, err := m.parts(platform.Architecture)
	if err != nil {
		return nil, err
	}
	img := empty.Image
	for _, part := range parts {
		l, err := part.v1()
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer:   l,
			History: v1.History{Created: v1.Time{Time: epoch()}, CreatedBy: "hack/image", Comment: part.comment},
		})
		if err != nil {
			return nil, fmt.Errorf("append layer: %w", err)
		}
	}
	old, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read image config: %w", err)
	}
	return mutate.ConfigFile(img, m.config(old.DeepCopy(), platform))
}

// parts are the image's layers. Our own program, which changes most often, is the last.
func (m maker) parts(arch string) ([]layer, error) {
	own := layer{comment: "add " + m.Path, entries: []entry{{path: m.Path, source: forArch(m.binary, arch)}}}
	if m.contents != nil {
		list, err := m.listed(forArch(m.binary, arch), m.name, m.version)
		if err != nil {
			return nil, err
		}
		own.entries = append(own.entries, list)
	}
	var parts []layer
	if m.Etcd != "" {
		var err error
		if parts, err = m.layers(arch); err != nil {
			return nil, err
		}
		links, err := m.newest(m.Etcd)
		if err != nil {
			return nil, err
		}
		own.entries = append(own.entries, links...)
	}
	for _, p := range keys(m.Links) {
		own.entries = append(own.entries, entry{path: p, link: m.Links[p]})
	}
	return append(parts, own), nil
}

// listed is a file of the image that lists what a program of it was made of.
func (m maker) listed(program, name, version string) (entry, error) {
	list, err := m.contents(program, name, version)
	return entry{path: "/usr/share/sbom/" + name + ".cdx.json", data: list}, err
}

// config completes the image's config.
func (m maker) config(c *v1.ConfigFile, p *v1.Platform) *v1.ConfigFile {
	c.Created = v1.Time{Time: epoch()}
	c.OS, c.Architecture, c.Variant = p.OS, p.Architecture, p.Variant
	c.Config.Entrypoint = []string{m.Path}
	c.Config.Cmd = m.Args
	c.Config.Env = []string{"PATH=/usr/local/bin:/"}
	c.Config.Labels = map[string]string{
		"org.opencontainers.image.title":  m.name,
		"org.opencontainers.image.source": "https://github.com/kubectl-upgrade/kubectl-upgrade",
	}
	if m.version != "" {
		c.Config.Labels["org.opencontainers.image.version"] = m.version
	}
	return c
}
