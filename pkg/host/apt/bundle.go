package apt

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// bundleSource is the file of the view, and only of the view, that names the bundle.
const bundleSource = sourceParts + "/kubectl-upgrade-bundle.list"

// bundled makes the view one of the host's sources without those that serve Kubernetes packages, and with the bundle's folder as a
// repository. Other sources stay, for a dependency from elsewhere. The host's own files are left as they are, also by an installation.
func (p *Private) bundled(ctx context.Context, work workdir.Dir, files map[string][]byte, sources []Source) error {
	p.dir = work.Apt("bundle-" + bundle.ShortDigest(p.bundle.Digest()))
	arch, err := architecture(ctx)
	if err != nil {
		return err
	}
	packages, release := p.bundle.Repository(arch)
	for name, text := range map[string][]byte{"Packages": packages, "Release": release} {
		if err := file.Write(filepath.Join(p.bundle.Dir(), name), text, 0o644); err != nil {
			return err
		}
	}
	p.files = map[string][]byte{}
	for f, b := range files {
		p.files[f] = Drop(b, ofFile(sources, f))
	}
	// It needs no signature: the manifest was checked to be the one of the plan, and has the checksum of every package. With "copy"
	// the packages go through the cache as those of any repository do; with "file" they would not.
	p.files[bundleSource] = fmt.Appendf(nil, "deb [trusted=yes] copy:%s ./\n", p.bundle.Dir())
	p.sources = Parse(bundleSource, p.files[bundleSource])
	return nil
}

func ofFile(sources []Source, name string) []Source {
	var out []Source
	for _, s := range sources {
		if s.File == name {
			out = append(out, s)
		}
	}
	return out
}

// architecture is dpkg's word for what the host is.
func architecture(ctx context.Context) (string, error) {
	out, err := proc.Output(ctx, "dpkg", "--print-architecture")
	return strings.TrimSpace(out), err
}

// offerer names where packages come from, for errors.
func (p *Private) offerer() string {
	if p.bundle == nil {
		return "the repository"
	}
	return fmt.Sprintf("%s, made for %s and with packages for %s,", p.bundle.Short(), p.bundle.ReleaseNames(), p.bundle.PackageArches())
}

// needed are the bundle's files that some changes take. A package that is not in it comes from one of the host's own sources.
func (p *Private) needed(ctx context.Context, changes []hostaction.PackageChange) (map[string]hostaction.File, error) {
	if p.bundle == nil {
		return nil, nil
	}
	arch, err := architecture(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]hostaction.File{}
	for _, c := range changes {
		if found, ok := p.bundle.Package(c.Name, c.To, arch); ok {
			out[c.Name] = found.File
		}
	}
	return out, nil
}
