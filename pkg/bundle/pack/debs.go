package pack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"pault.ag/go/debian/deb"
	debian "pault.ag/go/debian/version"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// foundDeb is a package that the user has.
type foundDeb struct {
	bundle.Package
	path    string
	release version.Version
	full    debian.Version
}

// scanDebs reads what every package below the folder says of itself.
func (p *packer) scanDebs(ctx context.Context) error {
	if p.Debs == "" {
		return nil
	}
	err := filepath.WalkDir(p.Debs, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".deb" || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		found, err := readDeb(name)
		if err != nil {
			return fmt.Errorf("read package %s: %w", name, err)
		}
		p.debs = append(p.debs, *found)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for packages in %s: %w", p.Debs, err)
	}
	if len(p.debs) == 0 {
		return fmt.Errorf("look for packages in %s: there is no .deb file", p.Debs)
	}
	return nil
}

func readDeb(name string) (*foundDeb, error) {
	d, closeDeb, err := deb.LoadFile(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeDeb() }()
	c := d.Control
	f := &foundDeb{path: name, full: c.Version, Package: bundle.Package{
		Name: c.Package, Version: c.Version.String(), Arch: c.Values["Architecture"], Control: map[string]string{},
	}}
	f.release, _ = version.OfPackage(f.Version)
	for _, k := range bundle.ControlFields {
		v := c.Values[k]
		if k == "Description" {
			v, _, _ = strings.Cut(v, "\n") // the rest is for people
		}
		if v = strings.Join(strings.Fields(v), " "); v != "" {
			f.Control[k] = v
		}
	}
	f.Path = fmt.Sprintf("packages/%s_%s_%s.deb", f.Name, strings.ReplaceAll(f.Version, ":", "%3a"), f.Arch)
	return f, nil
}

// newestDeb finds the newest build of a package of a release.
func (p *packer) newestDeb(name string, v version.Version, arch string) (foundDeb, bool) {
	var best foundDeb
	found := false
	for _, d := range p.debs {
		if d.Name == name && d.release == v && fits(d, arch) && (!found || debian.Compare(d.full, best.full) > 0) {
			best, found = d, true
		}
	}
	return best, found
}

func fits(d foundDeb, arch string) bool { return d.Arch == bundle.DebianArch(arch) || d.Arch == "all" }

func (p *packer) addDeb(d foundDeb) {
	if !slices.ContainsFunc(p.manifest.Packages, func(o bundle.Package) bool { return o.Path == d.Path }) {
		p.manifest.Packages = append(p.manifest.Packages, d.Package)
	}
}

// others takes all other packages too, since what the three depend on is among them, and tells of what is not.
func (p *packer) others(arches []string) {
	have := map[string]bool{}
	for _, d := range p.debs {
		if slices.Contains(names, d.Name) || !slices.ContainsFunc(arches, func(a string) bool { return fits(d, a) }) {
			continue
		}
		p.addDeb(d)
		have[d.Name] = true
	}
	told := map[string]bool{}
	for _, d := range slices.Clone(p.manifest.Packages) {
		for _, dep := range []string{"kubernetes-cni", "cri-tools"} {
			if strings.Contains(d.Control["Depends"], dep) && !have[dep] && !told[dep] && slices.Contains(names, d.Name) {
				told[dep] = true
				p.Note(fmt.Sprintf("%s %s depends on %s, of which there is no package: hosts have to have it, as new as is wanted (%s)", d.Name, d.Version, dep, d.Control["Depends"]))
			}
		}
	}
}

func (p *packer) debPath(inBundle string) string {
	i := slices.IndexFunc(p.debs, func(d foundDeb) bool { return d.Path == inBundle })
	return p.debs[i].path
}

// unpackKubeadm writes the program of a package into the scratch folder.
func (p *packer) unpackKubeadm(d foundDeb) (string, error) {
	pkg, closeDeb, err := deb.LoadFile(d.path)
	if err != nil {
		return "", fmt.Errorf("read package %s: %w", d.path, err)
	}
	defer func() { _ = closeDeb() }()
	for {
		h, err := pkg.Data.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read package %s: it has no usr/bin/kubeadm", d.path)
		}
		if err != nil {
			return "", fmt.Errorf("read package %s: %w", d.path, err)
		}
		if h.Typeflag != tar.TypeReg || path.Clean("/"+h.Name) != "/usr/bin/kubeadm" {
			continue
		}
		out := filepath.Join(p.scratch, "kubeadm-"+d.Version)
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
		if err != nil {
			return "", fmt.Errorf("unpack kubeadm: %w", err)
		}
		_, err = io.Copy(f, pkg.Data) //nolint:gosec // the user's own package, which is to be installed
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return "", fmt.Errorf("unpack kubeadm: %w", err)
		}
		return out, nil
	}
}
