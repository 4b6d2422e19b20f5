package aptrepo

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// Layout is where the packages of a release are published, and in which shape.
type Layout struct {
	Name      string // of its folder in the cache
	Host      string
	Path      string // below the web root
	Suite     string
	Component string // none in a flat repository
	Origin    string
	Label     string
	Revision  string // that a release's first packages carry
}

// firstPerMinor is the oldest minor that has a repository of its own. All before it lie in one repository together.
const firstPerMinor = "v1.24"

// LayoutOf returns the layout of a release such as v1.33.13, or of a minor.
func LayoutOf(version string) Layout {
	minor := semver.MajorMinor(version)
	if semver.Compare(minor, firstPerMinor) < 0 {
		return Layout{Name: "kubernetes-xenial", Host: "apt.kubernetes.io", Suite: "kubernetes-xenial", Component: "main", Origin: "kubernetes-xenial", Label: "kubernetes-xenial", Revision: "-00"}
	}
	label := "isv:kubernetes:core:stable:" + minor
	return Layout{Name: minor, Host: "pkgs.k8s.io", Path: "core:/stable:/" + minor + "/deb", Suite: "/",
		Origin: "obs://build.opensuse.org/" + label + "/deb", Label: label, Revision: "-1.1"}
}

// Hosts are the names under which nodes reach the repositories of all layouts.
var Hosts = []string{"pkgs.k8s.io", "apt.kubernetes.io"}

// URL is where a node finds the repository.
func (l Layout) URL() string {
	return strings.TrimSuffix("http://"+l.Host+"/"+l.Path, "/") + "/"
}

// ListSource is the one-line form of a node's apt source.
func (l Layout) ListSource() string {
	return strings.TrimSpace(fmt.Sprintf("deb [signed-by=%s] %s %s %s", Keyring, l.URL(), l.Suite, l.Component)) + "\n"
}

// Deb822Source is the stanza form of a node's apt source.
func (l Layout) Deb822Source() string {
	text := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\n", l.URL(), l.Suite)
	if l.Component != "" {
		text += "Components: " + l.Component + "\n"
	}
	return text + "Signed-By: " + Keyring + "\n"
}

// Source returns the apt source of a node in the wanted style.
func (l Layout) Source(style string) (string, error) {
	switch style {
	case "list":
		return l.ListSource(), nil
	case "deb822":
		return l.Deb822Source(), nil
	}
	return "", fmt.Errorf("render apt source: style %q is unknown", strings.TrimSpace(style))
}

// pool, index and release are the folders, below the repository's, of the packages, of their index, and of what is signed.
func (l Layout) pool(arch string) string {
	if l.Component == "" {
		return arch
	}
	return "pool"
}

func (l Layout) index(arch string) string {
	if l.Component == "" {
		return "."
	}
	return "dists/" + l.Suite + "/" + l.Component + "/binary-" + arch
}

func (l Layout) release() string {
	if l.Component == "" {
		return "."
	}
	return "dists/" + l.Suite
}

// fields are the fields of the release file.
func (l Layout) fields() map[string]string {
	out := map[string]string{"Origin": l.Origin, "Label": l.Label, "Architectures": "amd64 arm64"}
	if l.Component != "" {
		out["Suite"], out["Codename"], out["Components"] = l.Suite, l.Suite, l.Component
	}
	return out
}
