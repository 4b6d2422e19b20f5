// Package bundle is the form in which packages, programs and images travel to clusters that reach no repository and no registry: files,
// and a manifest that says of each what it is and which bytes it has. The manifest's own digest names the bundle, and so covers all of it.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// What a manifest is called and says of itself.
const (
	ManifestName = "bundle.json"
	APIVersion   = "kubectl-upgrade.io/v1alpha1"
	Kind         = "Bundle"
)

// maxManifest bounds what is read as a manifest (bytes): some hundred files make 200 kB.
const maxManifest = 16 << 20

// File is one file of a bundle; its path is relative to the manifest, with slashes.
type File = hostaction.File

// Manifest says what a bundle has.
type Manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Releases are those that the bundle was made for and that it has everything for, oldest first.
	Releases []Release `json:"releases"`
	Packages []Package `json:"packages,omitempty"`
	Programs []Program `json:"programs,omitempty"`
	Images   []Image   `json:"images,omitempty"`

	// digest is that of the bytes that the manifest was read from.
	digest string
}

// Release is one Kubernetes release.
type Release struct {
	Version version.Version `json:"version"`
	// Images are the names that its kubeadm asks for. Guessed is set when kubeadm could not be run where the bundle was made:
	// they are then told by the tags that are there, and a node tells the rest.
	Images  []string `json:"images,omitempty"`
	Guessed bool     `json:"guessed,omitempty"`
}

// Package is one Debian package.
type Package struct {
	File
	Name    string `json:"name"`
	Version string `json:"version"`
	// Arch is Debian's word, such as "amd64", "armhf" or "all".
	Arch string `json:"arch"`
	// Control are the other fields that decide how it is installed, each on one line.
	Control map[string]string `json:"control,omitempty"`
}

// Program is one of kubeadm, kubelet and kubectl as a plain file, or a unit file for the kubelet, for hosts that have no package of them.
type Program struct {
	File
	// Name is kubeadm, kubelet, kubectl, kubelet.service, or the name of a drop-in such as 10-kubeadm.conf.
	Name    string          `json:"name"`
	Version version.Version `json:"version"`
	// Arch is Go's word, such as "amd64"; empty for a unit file.
	Arch string `json:"arch,omitempty"`
}

// Image is one image for one architecture, as an archive that container runtimes load.
type Image struct {
	File
	Name string `json:"name"`
	// Arch is Go's word, such as "amd64".
	Arch string `json:"arch"`
}

// Digest names the bundle: "sha256:" and the hash of its manifest's bytes.
func (m *Manifest) Digest() string { return m.digest }

// Encode writes a manifest, which gets its digest by that. The same content gives the same bytes.
func (m *Manifest) Encode() ([]byte, error) {
	m.APIVersion, m.Kind = APIVersion, Kind
	if err := m.check(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write bundle manifest: %w", err)
	}
	b = append(b, '\n')
	m.digest = digest(b)
	return b, nil
}

// Decode reads a manifest. What it says of its files is checked for sense, the files themselves are not looked at.
func Decode(text []byte) (*Manifest, error) {
	if len(text) > maxManifest {
		return nil, fmt.Errorf("read bundle manifest: it is larger than %d bytes", maxManifest)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("read bundle manifest: %w", err)
	}
	if m.APIVersion != APIVersion || m.Kind != Kind {
		return nil, fmt.Errorf("read bundle manifest: it is a %s %s, want %s %s", m.APIVersion, m.Kind, APIVersion, Kind)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.digest = digest(text)
	return m, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Files are all files but for the manifest itself.
func (m *Manifest) Files() []File {
	var out []File
	for _, p := range m.Packages {
		out = append(out, p.File)
	}
	for _, p := range m.Programs {
		out = append(out, p.File)
	}
	for _, i := range m.Images {
		out = append(out, i.File)
	}
	return out
}

var (
	hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// filePath is what a file may be called: it becomes part of command lines, URLs and package lists.
	filePath = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+~%-]*(/[A-Za-z0-9][A-Za-z0-9_.+~%-]*)*$`)
	// word is what names, versions and architectures are made of.
	word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+~:-]*$`)
	// imageName is a reference with a tag and without a digest.
	imageName = regexp.MustCompile(`^[a-z0-9][a-z0-9._:/-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// check refuses what could reach outside of the bundle, or be taken for another line of a list that is made from it.
func (m *Manifest) check() error {
	seen := map[string]File{}
	for _, f := range m.Files() {
		switch other, twice := seen[f.Path]; {
		case !filePath.MatchString(f.Path) || !filepath.IsLocal(f.Path) || f.Path == ManifestName:
			return fmt.Errorf("check bundle: %q cannot be the path of a file", f.Path)
		case !hexSum.MatchString(f.SHA256) || f.Size < 0:
			return fmt.Errorf("check bundle: file %s has no checksum or size", f.Path)
		case twice && other != f:
			return fmt.Errorf("check bundle: file %s is listed twice, with different content", f.Path)
		}
		seen[f.Path] = f
	}
	for _, p := range m.Packages {
		if !word.MatchString(p.Name) || !word.MatchString(p.Version) || !word.MatchString(p.Arch) {
			return fmt.Errorf("check bundle: package %q %q (%q) is named in a strange way", p.Name, p.Version, p.Arch)
		}
		for k, v := range p.Control {
			if !slices.Contains(ControlFields, k) || strings.ContainsAny(v, "\r\n") {
				return fmt.Errorf("check bundle: package %s has a field %q that it cannot have", p.Name, k)
			}
		}
	}
	for _, p := range m.Programs {
		if !word.MatchString(p.Name) || p.Arch != "" && !word.MatchString(p.Arch) {
			return fmt.Errorf("check bundle: program %q (%q) is named in a strange way", p.Name, p.Arch)
		}
	}
	for _, i := range m.Images {
		if !imageName.MatchString(i.Name) || !word.MatchString(i.Arch) {
			return fmt.Errorf("check bundle: image %q (%q) is named in a strange way", i.Name, i.Arch)
		}
	}
	for _, r := range m.Releases {
		for _, i := range r.Images {
			if !imageName.MatchString(i) {
				return fmt.Errorf("check bundle: image %q of %s is named in a strange way", i, r.Version)
			}
		}
	}
	return nil
}
