package gobuild

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// premodules has, for each release of Kubernetes that is older than modules, what it is built from: VERSION.mod replaces
// every module of others, and VERSION.sum has their sums.
//
//go:embed premodules
var premodules embed.FS

// premoduleGo is the Go of those releases' time: newer ones reject code they import.
const premoduleGo = "go1.12.17"

// Old says whether a release is built by KubernetesOfOld.
func Old(version string) bool { return BeforeModules(version) || firstModules(version) }

// BeforeModules says whether a release of Kubernetes is older than modules and is one that the lab can build.
func BeforeModules(version string) bool {
	_, err := premodules.ReadFile("premodules/" + version + ".mod")
	return err == nil
}

// KubernetesOfOld builds every command of a release that wants the Go of its time, and returns their folder. instead names modules of
// the release to take at another version.
func KubernetesOfOld(ctx context.Context, cache, version string, instead map[string]string, log string) (string, error) {
	spec := kubernetesOfOld(version)
	out := filepath.Join(cache, "bin", spec.Name, version)
	return out, store.Once(out, func(tmp string) error {
		g, err := oldGo(ctx, goOf(version), log)
		if err != nil {
			return err
		}
		src, err := g.source(ctx, cache, version, instead)
		if err != nil {
			return err
		}
		// This Go has no -trimpath of its own, and builds but one command at a time under a name of our choice.
		trim := "all=-trimpath=" + src
		for _, p := range spec.Packages {
			args := []string{"build", "-gcflags", trim, "-asmflags", trim, "-ldflags", "-s -w " + spec.LDFlags, "-o", filepath.Join(tmp, filepath.Base(p)), p}
			if err := g.run(ctx, src, cgo(p), args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// KubernetesCommand builds one command of such a release, such as cluster/images/etcd/migrate, and returns its path.
func KubernetesCommand(ctx context.Context, cache, version, dir, log string) (string, error) {
	if !BeforeModules(version) {
		return "", fmt.Errorf("build %s of %s: single commands are built of releases before modules only", dir, version)
	}
	name := "kubernetes-" + strings.ReplaceAll(dir, "/", "-")
	out := filepath.Join(cache, "bin", name, version)
	err := store.Once(out, func(tmp string) error {
		g, err := oldGo(ctx, goOf(version), log)
		if err != nil {
			return err
		}
		src, err := g.source(ctx, cache, version, nil)
		if err != nil {
			return err
		}
		pkg := "k8s.io/kubernetes/" + dir
		return g.run(ctx, src, cgo(pkg), "build", "-ldflags", "-s -w "+kubernetesOfOld(version).LDFlags, "-o", filepath.Join(tmp, filepath.Base(dir)), pkg)
	})
	return filepath.Join(out, filepath.Base(dir)), err
}

// cgo says how a command is built: the kubelet of that time reads its machine by means of C.
func cgo(pkg string) string {
	if filepath.Base(pkg) == "kubelet" {
		return "CGO_ENABLED=1"
	}
	return "CGO_ENABLED=0"
}

func kubernetesOfOld(version string) Spec {
	s := Kubernetes(version, nil)
	// Where the version is kept has changed over the years; a release ignores what it does not know.
	s.LDFlags = versionFlags(version, "k8s.io/kubernetes/pkg/version", "k8s.io/kubernetes/pkg/kubectl/version", "k8s.io/kubernetes/cmd/kubeadm/app/version",
		"k8s.io/client-go/pkg/version", "k8s.io/kubectl/pkg/version", "k8s.io/component-base/version")
	return s
}

// oldToolchain runs the Go of old, with nothing in its surroundings that it does not know.
type oldToolchain struct {
	root string // its GOROOT
	env  []string
	log  string
}

// goOf is the Go of a release's time.
func goOf(version string) string {
	if goes, ok := firstModulesGo[semver.MajorMinor(version)]; ok {
		return goes
	}
	return premoduleGo
}

func oldGo(ctx context.Context, toolchain, log string) (*oldToolchain, error) {
	proxies, err := run.Output(ctx, run.Cmd{Args: []string{"go", "env", "GOPROXY"}, Env: []string{"GOWORK=off"}})
	if err != nil {
		return nil, err
	}
	root, err := run.Output(ctx, run.Cmd{Args: []string{"go", "env", "GOROOT"}, Dir: os.TempDir(), Env: []string{"GOTOOLCHAIN=" + toolchain, "GOFLAGS="}})
	if err != nil {
		return nil, err
	}
	g := &oldToolchain{root: strings.TrimSpace(root), log: log}
	// It takes one proxy, not a list, and asks none unless told.
	g.env = []string{"GOTOOLCHAIN=" + toolchain, "GO111MODULE=on", "GOFLAGS=", "GOWORK=off", "GOROOT=" + g.root, "GOPROXY=" + first(proxies),
		"PATH=" + filepath.Join(g.root, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")}
	return g, nil
}

// first returns the first of a list of proxies.
func first(proxies string) string {
	return strings.FieldsFunc(strings.TrimSpace(proxies), func(r rune) bool { return r == ',' || r == '|' })[0]
}

func (g *oldToolchain) run(ctx context.Context, dir, env string, args ...string) error {
	return run.Do(ctx, run.Cmd{Args: append([]string{filepath.Join(g.root, "bin", "go")}, args...), Dir: dir, Env: append(g.env, env), Log: g.log})
}

// source makes a tree of the release's source that is a module, complete with the code that its makefiles generate.
func (g *oldToolchain) source(ctx context.Context, cache, version string, instead map[string]string) (string, error) {
	out := filepath.Join(cache, "src", "kubernetes-"+version)
	return out, store.Once(out, func(tmp string) error {
		d, err := fetch(ctx, module.Version{Path: "k8s.io/kubernetes", Version: version})
		if err != nil {
			return err
		}
		if err := copySource(d.Dir, tmp); err != nil {
			return err
		}
		if BeforeModules(version) {
			err = pinPremodules(tmp, version)
		} else {
			err = bringStaging(ctx, tmp, version, instead)
		}
		if err != nil {
			return err
		}
		return g.generateOpenAPI(ctx, tmp)
	})
}

// pinPremodules makes a module of the tree of a release that is none.
func pinPremodules(tree, version string) error {
	pinned, err := premodules.ReadFile("premodules/" + version + ".mod")
	if err != nil {
		return fmt.Errorf("read modules of Kubernetes %s: %w", version, err)
	}
	sum, err := premodules.ReadFile("premodules/" + version + ".sum")
	if err != nil {
		return fmt.Errorf("read sums of Kubernetes %s: %w", version, err)
	}
	text, err := premoduleMod(tree, pinned)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"go.mod": text, "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(tree, name), data, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// premoduleMod writes the go.mod of a source tree: the pinned modules of others, and each folder below staging as the
// module that it is published as, which gets a go.mod too.
func premoduleMod(tree string, pinned []byte) ([]byte, error) {
	mod, err := modfile.Parse("premodules", pinned, nil)
	if err != nil {
		return nil, fmt.Errorf("parse modules: %w", err)
	}
	var b strings.Builder
	b.WriteString("module k8s.io/kubernetes\n\n")
	for _, r := range mod.Replace {
		fmt.Fprintf(&b, "replace %s => %s %s\n", r.Old.Path, r.New.Path, r.New.Version)
	}
	staging, err := filepath.Glob(filepath.Join(tree, "staging", "src", "k8s.io", "*"))
	if err != nil {
		return nil, fmt.Errorf("list staging: %w", err)
	}
	for _, dir := range staging {
		name := "k8s.io/" + filepath.Base(dir)
		fmt.Fprintf(&b, "require %s v0.0.0\nreplace %s => ./staging/src/%s\n", name, name, name)
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+name+"\n"), 0o644); err != nil {
			return nil, fmt.Errorf("write go.mod: %w", err)
		}
	}
	return []byte(b.String()), nil
}
