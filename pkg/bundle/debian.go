package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// ControlFields are the fields of a package's control file that apt decides by, deb-control(5), in the order in which they are written.
var ControlFields = []string{
	"Source", "Essential", "Multi-Arch", "Section", "Priority", "Maintainer", "Installed-Size",
	"Pre-Depends", "Depends", "Recommends", "Suggests", "Conflicts", "Breaks", "Replaces", "Provides", "Description",
}

// debianArch is where Debian has another word for an architecture than Go.
var debianArch = map[string]string{"386": "i386", "arm": "armhf", "ppc64le": "ppc64el"}

// DebianArch gives Debian's word for one of Go's architectures.
func DebianArch(arch string) string {
	if d, ok := debianArch[arch]; ok {
		return d
	}
	return arch
}

// GoArch gives Go's word for one of Debian's architectures.
func GoArch(arch string) string {
	for g, d := range debianArch {
		if d == arch {
			return g
		}
	}
	return arch
}

// Repository writes the two files that make apt take the bundle's folder for a flat repository: the list of the packages for an
// architecture of Debian's, and the list's checksum.
func (m *Manifest) Repository(arch string) (packages, release []byte) {
	list := slices.Clone(m.Packages)
	slices.SortFunc(list, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	var b strings.Builder
	for _, p := range list {
		if p.Arch != arch && p.Arch != "all" {
			continue
		}
		fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: %s\n", p.Name, p.Version, p.Arch)
		for _, k := range ControlFields {
			if v := p.Control[k]; v != "" {
				fmt.Fprintf(&b, "%s: %s\n", k, v)
			}
		}
		fmt.Fprintf(&b, "Filename: ./%s\nSize: %d\nSHA256: %s\n\n", p.Path, p.Size, p.SHA256)
	}
	packages = []byte(b.String())
	sum := sha256.Sum256(packages)
	// apt wants a date, and takes no other file for the same bundle.
	release = fmt.Appendf(nil, "Origin: kubectl-upgrade\nLabel: bundle\nSuite: bundle\nDate: Sat, 01 Jan 2000 00:00:00 UTC\nArchitectures: %s all\nSHA256:\n %s %d Packages\n",
		arch, hex.EncodeToString(sum[:]), len(packages))
	return packages, release
}
