package gobuild

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// render writes the go.mod of a small module that pins the primary one and repeats what only a main module can
// say: replacements, and the GODEBUG defaults that its authors tested with.
func render(primary module.Version, mod *modfile.File, extra []module.Version, instead map[string]string) (string, error) {
	requires := map[string]string{primary.Path: primary.Version}
	for _, r := range mod.Require {
		requires[r.Mod.Path] = r.Mod.Version
	}
	replaces := map[string]string{}
	for _, r := range mod.Replace {
		if r.New.Version != "" {
			replaces[r.Old.Path] = r.New.Path + " " + r.New.Version
		}
	}
	// Kubernetes requires the modules it keeps under staging/ at no version, and finds them by path or workspace.
	for _, r := range mod.Require {
		if r.Mod.Version == "v0.0.0" && strings.HasPrefix(r.Mod.Path, "k8s.io/") {
			replaces[r.Mod.Path] = r.Mod.Path + " v0." + strings.SplitN(primary.Version, ".", 2)[1]
		}
	}
	for p, v := range instead {
		replaces[p] = p + " " + v
	}
	for _, m := range extra {
		if semver.Compare(requires[m.Path], m.Version) < 0 {
			requires[m.Path] = m.Version
		}
	}
	if mod.Go == nil {
		return "", fmt.Errorf("render go.mod for %s: its own names no go version", primary)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "module lab.invalid/%s\n\ngo %s\n\n", filepath.Base(primary.Path), mod.Go.Version)
	fmt.Fprintf(&b, "godebug default=go%s\n\n", strings.TrimPrefix(semver.MajorMinor("v"+mod.Go.Version), "v"))
	for _, k := range sorted(requires) {
		fmt.Fprintf(&b, "require %s %s\n", k, requires[k])
	}
	for _, k := range sorted(replaces) {
		fmt.Fprintf(&b, "replace %s => %s\n", k, replaces[k])
	}
	return b.String(), nil
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func parse(path string) (*modfile.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read go.mod: %w", err)
	}
	return modfile.Parse(path, data, nil)
}
