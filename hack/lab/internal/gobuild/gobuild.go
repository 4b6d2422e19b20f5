// Package gobuild makes the lab's binaries out of pinned Go modules, once per version.
package gobuild

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// Spec is one set of commands of one module version, built together so that they share their packages.
type Spec struct {
	Name     string // folder in the cache
	Version  string // folder under it
	Primary  module.Version
	Extra    []module.Version
	Instead  map[string]string // modules to take at another version
	Packages []string
	// Main, if it is there, is the source of the one command to build, in place of the module's own one, which links much that nobody
	// needs here and takes minutes. It is called Name.
	Main    string
	Tags    string
	LDFlags string
}

// Build returns the folder of the built binaries.
func Build(ctx context.Context, cache string, s Spec, log string) (string, error) {
	out := filepath.Join(cache, "bin", s.Name, s.Version)
	return out, store.Once(out, func(tmp string) error {
		src := filepath.Join(cache, "src", s.Name+"-"+s.Version)
		if err := prepare(ctx, src, s, log); err != nil {
			return err
		}
		// What debuggers read is a sixth of the work, and is stripped.
		args := []string{"go", "build", "-trimpath", "-gcflags=all=-dwarf=false", "-o", tmp + "/", "-ldflags", strings.TrimSpace("-s -w " + s.LDFlags)}
		if s.Tags != "" {
			args = append(args, "-tags", s.Tags)
		}
		packages := s.Packages
		if s.Main != "" {
			packages = []string{"./" + s.Name}
		}
		return run.Do(ctx, run.Cmd{Args: append(args, packages...), Dir: src, Log: log,
			Env: []string{"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off"}})
	})
}

type download struct{ Dir, GoMod, Error string }

// prepare writes the pinning module. go.sum starts as the primary's own, which saves looking most of it up.
func prepare(ctx context.Context, src string, s Spec, log string) error {
	if err := os.MkdirAll(src, 0o755); err != nil {
		return fmt.Errorf("create %s: %w", src, err)
	}
	d, err := fetch(ctx, s.Primary)
	if err != nil {
		return err
	}
	mod, err := parse(d.GoMod)
	if err != nil {
		return err
	}
	text, err := render(s.Primary, mod, s.Extra, s.Instead)
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(d.Dir, "go.sum"))
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read go.sum: %w", err)
	}
	var imports strings.Builder
	for _, p := range s.Packages {
		fmt.Fprintf(&imports, "import _ %q\n", p)
	}
	files := map[string]string{"go.mod": text, "go.sum": string(sum), "tools.go": "//go:build tools\n\npackage tools\n\n" + imports.String()}
	if s.Main != "" {
		files[filepath.Join(s.Name, "main.go")] = s.Main
	}
	for name, data := range files {
		path := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("create folder of %s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

func fetch(ctx context.Context, m module.Version) (*download, error) {
	out, err := run.Output(ctx, run.Cmd{Args: []string{"go", "mod", "download", "-json", m.String()}, Dir: os.TempDir(), Env: []string{"GOWORK=off"}})
	d := &download{}
	if jsonErr := json.Unmarshal([]byte(out), d); jsonErr == nil && d.Error != "" {
		return nil, fmt.Errorf("download %s: %s", m, d.Error)
	}
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", m, err)
	}
	return d, nil
}
