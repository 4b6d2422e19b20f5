// Package debs builds the five packages that kubeadm nodes are made of, laid out as upstream lays them out.
package debs

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// Package is one .deb: binaries taken from a build, and files given as text.
type Package struct {
	Name      string
	Version   string // with revision: 1.33.13-1.1
	Summary   string
	Depends   []string
	Recommend []string
	Binaries  map[string]string // path in the package: path on this machine
	Files     map[string]File   // path in the package
	Conffiles []string
	Scripts   map[string]string // postinst, prerm, postrm
}

// File is a text file in a package.
type File struct {
	Mode os.FileMode
	Text string
}

// FileName is the name of the finished package.
func (p Package) FileName() string {
	return fmt.Sprintf("%s_%s_%s.deb", p.Name, p.Version, runtime.GOARCH)
}

// Build makes the package once and returns its path.
func Build(ctx context.Context, cache string, p Package, log string) (string, error) {
	recipe, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("hash package %s: %w", p.Name, err)
	}
	// The binaries' paths are part of the recipe and carry their versions.
	out := filepath.Join(cache, "debs", fmt.Sprintf("%x", sha256.Sum256(recipe))[:12], p.FileName())
	return out, store.OnceFile(out, func(tmp string) error {
		tree, err := os.MkdirTemp(filepath.Dir(tmp), "tree-")
		if err != nil {
			return fmt.Errorf("create package tree: %w", err)
		}
		if err := p.write(tree); err != nil {
			return fmt.Errorf("lay out package %s: %w", p.Name, err)
		}
		// Light compression: the packages cross a bridge on one machine, and xz would cost more than it saves.
		return run.Do(ctx, run.Cmd{Args: []string{"dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, tmp}, Log: log})
	})
}

func (p Package) write(tree string) error {
	if err := os.Chmod(tree, 0o755); err != nil {
		return err
	}
	for dst, src := range p.Binaries {
		to := filepath.Join(tree, dst)
		if err := store.Copy(src, to); err != nil {
			return err
		}
		if err := os.Chmod(to, 0o755); err != nil {
			return err
		}
	}
	files := map[string]File{"DEBIAN/control": {0o644, p.control()}}
	for path, f := range p.Files {
		files[path] = f
	}
	for name, text := range p.Scripts {
		files["DEBIAN/"+name] = File{0o755, text}
	}
	if len(p.Conffiles) > 0 {
		files["DEBIAN/conffiles"] = File{0o644, strings.Join(p.Conffiles, "\n") + "\n"}
	}
	for path, f := range files {
		to := filepath.Join(tree, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, []byte(f.Text), f.Mode); err != nil {
			return err
		}
		if err := os.Chmod(to, f.Mode); err != nil {
			return err
		}
	}
	return nil
}

func (p Package) control() string {
	var b strings.Builder
	line := func(k, v string) {
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\n", k, v)
		}
	}
	line("Package", p.Name)
	line("Version", p.Version)
	line("Section", "admin")
	line("Priority", "optional")
	line("Architecture", runtime.GOARCH)
	line("Maintainer", "kubectl-upgrade lab <lab@lab.invalid>")
	line("Homepage", "https://kubernetes.io")
	sort.Strings(p.Depends)
	line("Depends", strings.Join(p.Depends, ", "))
	line("Recommends", strings.Join(p.Recommend, ", "))
	line("Description", p.Summary)
	return b.String()
}
