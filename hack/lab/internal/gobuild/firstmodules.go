package gobuild

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// firstModulesGo are the first minors that have a go.mod, and the Go of their time: what they pin cannot be built with one of today.
var firstModulesGo = map[string]string{"v1.15": "go1.12.17", "v1.16": "go1.13.15"}

func firstModules(version string) bool { return firstModulesGo[semver.MajorMinor(version)] != "" }

// unused are modules below staging that no command is made of, and that are not published at every patch.
var unused = map[string]bool{"k8s.io/node-api": true, "k8s.io/sample-apiserver": true, "k8s.io/sample-cli-plugin": true, "k8s.io/sample-controller": true}

// bringStaging puts the modules that a release's go.mod finds below staging there: each is published apart, and the release's own
// module is without them.
func bringStaging(ctx context.Context, tree, version string, instead map[string]string) error {
	mod, err := parse(filepath.Join(tree, "go.mod"))
	if err != nil {
		return err
	}
	for to, m := range stagingModules(mod, version, instead) {
		to = filepath.Join(tree, to)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("create %s: %w", m.Path, err)
		}
		if unused[m.Path] {
			if err := os.WriteFile(filepath.Join(to, "go.mod"), []byte("module "+m.Path+"\n"), 0o644); err != nil {
				return fmt.Errorf("write go.mod: %w", err)
			}
			continue
		}
		d, err := fetch(ctx, m)
		if err != nil {
			return err
		}
		if err := copySource(d.Dir, to); err != nil {
			return err
		}
	}
	return nil
}

// stagingModules are the modules that a release's go.mod replaces by folders of its own, by folder.
func stagingModules(mod *modfile.File, version string, instead map[string]string) map[string]module.Version {
	out := map[string]module.Version{}
	for _, r := range mod.Replace {
		dir, ok := strings.CutPrefix(r.New.Path, "./")
		if !ok || r.New.Version != "" {
			continue
		}
		m := module.Version{Path: r.Old.Path, Version: instead[r.Old.Path]}
		if m.Version == "" {
			m.Version = "v0." + strings.SplitN(version, ".", 2)[1]
		}
		out[path.Clean(dir)] = m
	}
	return out
}
