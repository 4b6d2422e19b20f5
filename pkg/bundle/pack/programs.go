package pack

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// foundProgram is a plain program, or a unit file, that the user has. A unit file without a version is for every release.
type foundProgram struct {
	path, name string
	version    version.Version
	arch       string
}

// scanPrograms finds programs by their names, their architecture by their header, and their version by the folder that they lie in or
// by asking them.
func (p *packer) scanPrograms(ctx context.Context) error {
	if p.Programs == "" {
		return nil
	}
	err := filepath.WalkDir(p.Programs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		f := foundProgram{path: path, name: d.Name(), version: folderVersion(p.Programs, path)}
		switch {
		case slices.Contains(names, f.name):
			if err := f.ask(ctx); err != nil {
				return err
			}
		case f.name != "kubelet.service" && filepath.Ext(f.name) != ".conf":
			return nil
		}
		p.programs = append(p.programs, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for programs in %s: %w", p.Programs, err)
	}
	if len(p.programs) == 0 {
		return fmt.Errorf("look for programs in %s: there is none of %s", p.Programs, strings.Join(names, ", "))
	}
	return nil
}

var versionFolder = regexp.MustCompile(`^v?\d+\.\d+\.\d+(-.+)?$`)

// folderVersion reads the version out of the path, as in v1.34.2/bin/linux/amd64/kubelet.
func folderVersion(root, path string) version.Version {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return version.Version{}
	}
	for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(rel)), "/") {
		if versionFolder.MatchString(part) {
			if v, err := version.Parse(part); err == nil {
				return v
			}
		}
	}
	return version.Version{}
}

// machines are ELF's words for Go's architectures.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_386: "386", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64",
}

func (f *foundProgram) ask(ctx context.Context) error {
	e, err := elf.Open(f.path)
	if err != nil {
		return fmt.Errorf("read program %s: %w", f.path, err)
	}
	e.Close()
	f.arch = machines[e.Machine]
	if f.arch == "" {
		return fmt.Errorf("read program %s: it is for the unknown machine %s", f.path, e.Machine)
	}
	if !runsHere(f.arch) {
		if f.version.IsZero() {
			return fmt.Errorf("tell the version of %s: it cannot be run here (%s): put it into a folder named after its version, such as v1.34.2", f.path, f.arch)
		}
		return nil
	}
	says, err := askVersion(ctx, f.name, f.path)
	if err != nil {
		return err
	}
	if !f.version.IsZero() && says != f.version {
		return fmt.Errorf("read program %s: it says that it is %s", f.path, says)
	}
	f.version = says
	return nil
}

func runsHere(arch string) bool { return runtime.GOOS == "linux" && arch == runtime.GOARCH }

var anyVersion = regexp.MustCompile(`v\d+\.\d+\.\d+[-.+A-Za-z0-9]*`)

func askVersion(ctx context.Context, name, path string) (version.Version, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return version.Version{}, err
	}
	args := map[string][]string{"kubeadm": {"version", "-o", "short"}, "kubelet": {"--version"}, "kubectl": {"version", "--client"}}[name]
	out, err := exec.CommandContext(ctx, path, args...).Output()
	if err != nil {
		return version.Version{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	v, err := version.Parse(anyVersion.FindString(string(out)))
	if err != nil {
		return v, fmt.Errorf("ask %s for its version: it says %q", path, strings.TrimSpace(string(out)))
	}
	return v, nil
}

func (p *packer) program(name string, v version.Version, arch string) (foundProgram, bool) {
	i := slices.IndexFunc(p.programs, func(f foundProgram) bool { return f.name == name && f.version == v && f.arch == arch })
	if i < 0 {
		return foundProgram{}, false
	}
	return p.programs[i], true
}

// inBundle is where a program of a release lies in the bundle.
func (f foundProgram) inBundle(v version.Version) string {
	arch := f.arch
	if arch == "" {
		arch = "units"
	}
	return "programs/" + v.String() + "/" + arch + "/" + f.name
}

func (p *packer) addProgram(f foundProgram, v version.Version) {
	path := f.inBundle(v)
	if !slices.ContainsFunc(p.manifest.Programs, func(o bundle.Program) bool { return o.Path == path }) {
		p.manifest.Programs = append(p.manifest.Programs, bundle.Program{File: bundle.File{Path: path}, Name: f.name, Version: v, Arch: f.arch})
	}
}

func (p *packer) programPath(inBundle string) string {
	for _, f := range p.programs {
		for _, v := range p.releases {
			if (f.version == v || f.version.IsZero()) && f.inBundle(v) == inBundle {
				return f.path
			}
		}
	}
	return ""
}
