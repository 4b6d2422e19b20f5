// Package programs handles hosts on which kubeadm, kubelet and kubectl were put by hand, as plain files: it finds them, tells their
// versions, and replaces them out of a bundle, each at once and with the old one kept beside it.
package programs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Manager is what cluster.Host.PackageManager says of such a host.
const Manager = "files"

// Host says where things lie that no package brought.
type Host struct {
	// Bin are the folders of programs; Units those of unit files, the one that wins first, as systemd.unit(5) has it.
	Bin, Units []string
}

// Default is how hosts are.
func Default() Host {
	return Host{
		Bin:   []string{"/usr/bin", "/usr/local/bin", "/opt/bin"},
		Units: []string{"/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"},
	}
}

// Program is one of the three on the host.
type Program struct {
	Name, Path string
	Version    version.Version
}

// Names are the programs that are looked for; kubeadm comes first, as with packages.
var Names = cluster.PackageNames[:3]

// Find finds the programs that are there, in the order of Names.
func (h Host) Find(ctx context.Context) ([]Program, error) {
	var out []Program
	for _, n := range Names {
		path, err := h.Locate(n)
		if err != nil {
			return nil, err
		}
		if path == "" {
			continue
		}
		v, err := ask(ctx, n, path)
		if err != nil {
			return nil, err
		}
		out = append(out, Program{n, path, v})
	}
	return out, nil
}

// Locate finds where a program lies; empty when it does not. One in two places is an error: one of them would be passed over.
func (h Host) Locate(name string) (string, error) {
	found := ""
	for _, d := range h.Bin {
		path := filepath.Join(d, name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("find program %s: %w", name, err)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if found != "" && !same(found, info) {
			return "", fmt.Errorf("find program %s: it is both at %s and at %s", name, found, path)
		}
		if found == "" {
			found = path
		}
	}
	return found, nil
}

func same(path string, other os.FileInfo) bool {
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, other)
}

var anyVersion = regexp.MustCompile(`v\d+\.\d+\.\d+[-.+A-Za-z0-9]*`)

// ask has a program say its version; each of the three is asked in another way.
func ask(ctx context.Context, name, path string) (version.Version, error) {
	args := map[string][]string{"kubeadm": {"version", "-o", "short"}, "kubelet": {"--version"}, "kubectl": {"version", "--client"}}[name]
	out, err := proc.Output(ctx, path, args...)
	if err != nil {
		return version.Version{}, err
	}
	v, err := version.Parse(anyVersion.FindString(out))
	if err != nil {
		return v, fmt.Errorf("ask %s for its version: it says %q", path, strings.TrimSpace(out))
	}
	return v, nil
}

// Full writes a version as that of a package, which is what the rest of the agent knows.
func Full(v version.Version) string { return strings.Replace(v.Bare(), "-", "~", 1) }

// Packages describes programs as packages: without holds, since nothing but a hand moves them.
func Packages(found []Program) []cluster.Package {
	var out []cluster.Package
	for _, p := range found {
		out = append(out, cluster.Package{Name: p.Name, Version: Full(p.Version)})
	}
	return out
}

// old ends the name of a program or unit file that was replaced; between is the version of the programs then.
const old = ".old"

func keptPath(path string, v version.Version) string { return path + "." + v.String() + old }

// kept are the versions of a program that lie beside it, newest first.
func kept(path string) ([]version.Version, error) {
	files, err := filepath.Glob(path + ".v*" + old)
	if err != nil {
		return nil, fmt.Errorf("find old programs: %w", err)
	}
	var out []version.Version
	for _, f := range files {
		text := strings.TrimSuffix(strings.TrimPrefix(f, path+"."), old)
		if v, err := version.Parse(text); err == nil {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b version.Version) int { return b.Compare(a) })
	return out, nil
}

// History tells from what each program came, by what was kept of it.
func History(found []Program) ([]cluster.PackageUpgrade, error) {
	var out []cluster.PackageUpgrade
	for _, p := range found {
		before, err := kept(p.Path)
		if err != nil {
			return nil, err
		}
		before = slices.DeleteFunc(before, func(v version.Version) bool { return !v.Less(p.Version) })
		info, err := os.Stat(p.Path)
		if err != nil {
			return nil, fmt.Errorf("look at program %s: %w", p.Name, err)
		}
		if len(before) > 0 {
			out = append(out, cluster.PackageUpgrade{Name: p.Name, From: Full(before[0]), To: Full(p.Version), At: info.ModTime().UTC()})
		}
	}
	return out, nil
}
