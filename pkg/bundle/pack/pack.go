// Package pack makes bundles out of files that the user has. It asks no network for anything.
package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Input is what a bundle is made from.
type Input struct {
	// To is the target, Via the releases to pass through.
	To  version.Version
	Via []version.Version
	// From, if not zero, is what the cluster runs: of each minor between, a release has to be there.
	From version.Version
	// Debs is a folder with packages, Programs one with plain programs; either may be empty.
	Debs, Programs string
	// Archives are image archives: of "docker save", "ctr images export" or in the OCI layout, also as a folder.
	Archives []string
	// Arches, if not empty, are the only architectures to pack, in Go's words.
	Arches []string
	// Output is the folder to make.
	Output string
	// Note is told what was found; it may be nil.
	Note func(string)
}

// MissingError says what a bundle would lack.
type MissingError struct{ Items []string }

func (e *MissingError) Error() string {
	return "make bundle: missing: " + strings.Join(e.Items, "; ")
}

// Make writes a bundle, whole or not at all.
func Make(ctx context.Context, in Input) (_ *bundle.Folder, err error) {
	if _, err := os.Stat(in.Output); err == nil {
		return nil, fmt.Errorf("make bundle %s: it is there already", in.Output)
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(in.Output)), 0o755); err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(in.Output)), ".bundle-*")
	if err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	defer os.RemoveAll(tmp)
	p := &packer{Input: in, scratch: filepath.Join(tmp, "scratch"), out: filepath.Join(tmp, "bundle")}
	if p.Note == nil {
		p.Note = func(string) {}
	}
	for _, d := range []string{p.scratch, p.out} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, fmt.Errorf("make bundle: %w", err)
		}
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.find(ctx); err != nil {
		return nil, err
	}
	if err := p.write(ctx); err != nil {
		return nil, err
	}
	if err := os.Rename(p.out, in.Output); err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	return bundle.Open(in.Output)
}

// packer is one making of a bundle.
type packer struct {
	Input
	scratch, out string
	closers      []io.Closer

	debs     []foundDeb
	programs []foundProgram
	images   []foundImage

	releases []version.Version
	manifest bundle.Manifest
}

func (p *packer) close() error {
	var errs []error
	for _, c := range p.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// names are the programs that every release has to have, as packages or as plain files.
var names = []string{"kubeadm", "kubelet", "kubectl"}

// find looks at all that was given and chooses what the bundle gets. Everything that is missing is named at once.
func (p *packer) find(ctx context.Context) error {
	if err := p.scanDebs(ctx); err != nil {
		return err
	}
	if err := p.scanPrograms(ctx); err != nil {
		return err
	}
	for _, a := range p.Archives {
		if err := p.scanImages(ctx, a); err != nil {
			return err
		}
	}
	missing := &MissingError{}
	p.choose(missing)
	arches := p.arches()
	for _, v := range p.releases {
		for _, arch := range arches {
			p.wantPrograms(v, arch, missing)
		}
	}
	if len(missing.Items) > 0 {
		return missing
	}
	p.others(arches)
	if len(p.Archives) == 0 {
		p.Note("no image archives were given: the nodes pull images as they do without a bundle, or from --images-from")
		for _, v := range p.releases {
			p.manifest.Releases = append(p.manifest.Releases, bundle.Release{Version: v})
		}
		return nil
	}
	for _, v := range p.releases {
		r, err := p.wantedImages(ctx, v)
		if err != nil {
			return err
		}
		p.manifest.Releases = append(p.manifest.Releases, r)
		for _, arch := range arches {
			p.takeImages(r, arch, missing)
		}
	}
	if len(missing.Items) > 0 {
		return missing
	}
	return nil
}

// choose settles the releases: the target, those of --via, and of each other minor on the way the newest that is there.
func (p *packer) choose(missing *MissingError) {
	p.releases = append(slices.Clone(p.Via), p.To)
	oldest := p.To
	for _, v := range p.Via {
		if v.Less(oldest) {
			oldest = v
		}
	}
	between := version.Version{Major: oldest.Major, Minor: oldest.Minor}
	if !p.From.IsZero() {
		between = p.From
		between.Minor++
	}
	for ; between.MinorsTo(p.To) > 0; between.Minor++ {
		if slices.ContainsFunc(p.releases, between.SameMinor) {
			continue
		}
		newest := p.newest(between)
		if newest.IsZero() {
			missing.Items = append(missing.Items, fmt.Sprintf("any release of %s, which the way to %s leads through", between.MinorString(), p.To))
			continue
		}
		p.Note(fmt.Sprintf("%s is taken for %s: it is the newest that is there", newest, between.MinorString()))
		p.releases = append(p.releases, newest)
	}
	slices.SortFunc(p.releases, version.Version.Compare)
	p.releases = slices.Compact(p.releases)
}

// newest finds the newest release of a minor among what was found.
func (p *packer) newest(minor version.Version) version.Version {
	var best version.Version
	see := func(v version.Version) {
		if v.SameMinor(minor) && v.Pre == "" && best.Less(v) {
			best = v
		}
	}
	for _, d := range p.debs {
		if d.Name == "kubeadm" {
			see(d.release)
		}
	}
	for _, f := range p.programs {
		if f.name == "kubeadm" {
			see(f.version)
		}
	}
	return best
}

// arches are the architectures that the bundle is for, in Go's words.
func (p *packer) arches() []string {
	out := slices.Clone(p.Arches)
	if len(out) == 0 {
		for _, d := range p.debs {
			if d.Name == "kubeadm" && d.Arch != "all" {
				out = append(out, bundle.GoArch(d.Arch))
			}
		}
		for _, f := range p.programs {
			if f.name == "kubeadm" {
				out = append(out, f.arch)
			}
		}
		// Packages for all architectures say nothing; images do.
		if len(out) == 0 {
			for _, i := range p.images {
				out = append(out, i.arch)
			}
		}
		if len(out) == 0 {
			out = append(out, runtime.GOARCH)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wantPrograms takes a release's packages, or its plain programs, or both.
func (p *packer) wantPrograms(v version.Version, arch string, missing *MissingError) {
	for _, name := range names {
		d, asPackage := p.newestDeb(name, v, arch)
		if asPackage {
			p.addDeb(d)
		}
		f, asProgram := p.program(name, v, arch)
		if asProgram {
			p.addProgram(f, v)
		}
		if p.Debs != "" && !asPackage {
			missing.Items = append(missing.Items, fmt.Sprintf("package %s %s for %s in %s", name, v.Bare(), bundle.DebianArch(arch), p.Debs))
		}
		if p.Programs != "" && !asProgram {
			missing.Items = append(missing.Items, fmt.Sprintf("program %s %s for %s in %s", name, v, arch, p.Programs))
		}
	}
	for _, f := range p.programs {
		if f.arch == "" && (f.version == v || f.version.IsZero()) {
			p.addProgram(f, v)
		}
	}
}

// write copies everything that was chosen, and the manifest at the end.
func (p *packer) write(ctx context.Context) error {
	m := &p.manifest
	slices.SortFunc(m.Packages, func(a, b bundle.Package) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Programs, func(a, b bundle.Program) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Images, func(a, b bundle.Image) int { return cmp.Compare(a.Path, b.Path) })
	for i := range m.Packages {
		if err := p.copyIn(ctx, p.debPath(m.Packages[i].Path), &m.Packages[i].File); err != nil {
			return err
		}
	}
	for i := range m.Programs {
		if err := p.copyIn(ctx, p.programPath(m.Programs[i].Path), &m.Programs[i].File); err != nil {
			return err
		}
	}
	for i := range m.Images {
		if err := p.writeImage(ctx, &m.Images[i]); err != nil {
			return err
		}
	}
	text, err := m.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.out, bundle.ManifestName), text, 0o644); err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	return nil
}
