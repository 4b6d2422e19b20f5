package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Short names the bundle for people.
func (m *Manifest) Short() string { return "bundle " + ShortDigest(m.digest) }

// ShortDigest is enough of a digest to tell bundles apart.
func ShortDigest(digest string) string {
	d := strings.TrimPrefix(digest, "sha256:")
	return d[:min(len(d), 12)]
}

// Release finds what is known of a release.
func (m *Manifest) Release(v version.Version) (Release, bool) {
	i := slices.IndexFunc(m.Releases, func(r Release) bool { return r.Version == v })
	if i < 0 {
		return Release{}, false
	}
	return m.Releases[i], true
}

// ReleaseNames lists the releases in words.
func (m *Manifest) ReleaseNames() string {
	var out []string
	for _, r := range m.Releases {
		out = append(out, r.Version.String())
	}
	if len(out) == 0 {
		return "no release"
	}
	return strings.Join(out, ", ")
}

// Package finds a package for a Debian architecture.
func (m *Manifest) Package(name, debian, arch string) (Package, bool) {
	for _, p := range m.Packages {
		if p.Name == name && p.Version == debian && (p.Arch == arch || p.Arch == "all") {
			return p, true
		}
	}
	return Package{}, false
}

// Program finds a program for Go's architecture, or a unit file.
func (m *Manifest) Program(name string, v version.Version, arch string) (Program, bool) {
	for _, p := range m.Programs {
		if p.Name == name && p.Version == v && (p.Arch == arch || p.Arch == "") {
			return p, true
		}
	}
	return Program{}, false
}

// Units are the unit files of a release's kubelet.
func (m *Manifest) Units(v version.Version) []Program {
	var out []Program
	for _, p := range m.Programs {
		if p.Version == v && p.Arch == "" {
			out = append(out, p)
		}
	}
	return out
}

// Image finds an image for an architecture: by its whole name, or else by the last part of the name and the tag, since whoever
// mirrors images gives them another repository ("registry.example/k8s/pause:3.10.1").
func (m *Manifest) Image(name, arch string) (Image, bool) {
	var like *Image
	for i, img := range m.Images {
		if img.Arch != arch {
			continue
		}
		if img.Name == name {
			return img, true
		}
		if like == nil && LastPart(img.Name) == LastPart(name) {
			like = &m.Images[i]
		}
	}
	if like == nil {
		return Image{}, false
	}
	return *like, true
}

// LastPart is an image's name without its repository: "registry.k8s.io/coredns/coredns:v1.12.1" is "coredns:v1.12.1".
func LastPart(image string) string { return image[strings.LastIndexByte(image, '/')+1:] }

// ImageArches are the architectures that there are images for, in words.
func (m *Manifest) ImageArches() string {
	var out []string
	for _, i := range m.Images {
		out = append(out, i.Arch)
	}
	return words(out)
}

// PackageArches are the architectures that there are packages for, in words.
func (m *Manifest) PackageArches() string {
	var out []string
	for _, p := range m.Packages {
		if p.Arch != "all" {
			out = append(out, p.Arch)
		}
	}
	return words(out)
}

// ProgramArches are the architectures that there are plain programs for, in words.
func (m *Manifest) ProgramArches() string {
	var out []string
	for _, p := range m.Programs {
		if p.Arch != "" {
			out = append(out, p.Arch)
		}
	}
	return words(out)
}

func words(list []string) string {
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// Describe says in a line what the bundle has.
func (m *Manifest) Describe() string {
	var size int64
	for _, f := range m.Files() {
		size += f.Size
	}
	return fmt.Sprintf("%s (%s): %d packages, %d programs, %d images, %d MiB", m.Short(), m.ReleaseNames(), len(m.Packages), len(m.Programs), len(m.Images), size>>20)
}

// Arches are the architectures that there is anything for, in Go's words.
func (m *Manifest) Arches() []string {
	var out []string
	for _, p := range m.Packages {
		if p.Arch != "all" {
			out = append(out, GoArch(p.Arch))
		}
	}
	for _, p := range m.Programs {
		if p.Arch != "" {
			out = append(out, p.Arch)
		}
	}
	for _, i := range m.Images {
		out = append(out, i.Arch)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
