package gobuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// OldEtcd says how a release of etcd is built that is older than its modules: with the pins of another patch, which hack/etcd
// has, but for some modules.
type OldEtcd struct {
	Like    string            `json:"like"`
	Instead map[string]string `json:"instead,omitempty"`
}

const oldEtcdModule = "github.com/coreos/etcd"

// EtcdBeforeModules builds server and client of such a release, named as Etcd names them.
func EtcdBeforeModules(ctx context.Context, cache string, p *Parts, version string, old OldEtcd, log string) (string, error) {
	out := filepath.Join(cache, "bin", "etcd", "v"+version)
	return out, store.Once(out, func(tmp string) error {
		pinned := filepath.Join(p.repository(), "hack", "etcd", "modules", old.Like)
		mod, err := parse(filepath.Join(pinned, "go.mod"))
		if err != nil {
			return err
		}
		text, err := oldEtcdMod(mod, version, old.Instead)
		if err != nil {
			return err
		}
		sum, err := os.ReadFile(filepath.Join(pinned, "go.sum"))
		if err != nil {
			return fmt.Errorf("read go.sum: %w", err)
		}
		src := filepath.Join(cache, "src", "etcd-v"+version)
		if err := os.MkdirAll(src, 0o755); err != nil {
			return fmt.Errorf("create %s: %w", src, err)
		}
		for name, data := range map[string][]byte{"go.mod": text, "go.sum": sum} {
			if err := os.WriteFile(filepath.Join(src, name), data, 0o644); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
		}
		env := []string{"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off"}
		if mod.Toolchain != nil {
			env = append(env, "GOTOOLCHAIN="+mod.Toolchain.Name)
		}
		for name, pkg := range map[string]string{"server": oldEtcdModule, "etcdctl": oldEtcdModule + "/etcdctl"} {
			args := []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(tmp, name), pkg}
			if err := run.Do(ctx, run.Cmd{Args: args, Dir: src, Log: log, Env: env}); err != nil {
				return err
			}
		}
		return nil
	})
}

// oldEtcdMod turns the pins of one patch into those of another.
func oldEtcdMod(mod *modfile.File, version string, instead map[string]string) ([]byte, error) {
	replace := map[string]string{oldEtcdModule: "v" + version + "+incompatible"}
	for path, v := range instead {
		replace[path] = v
	}
	for path, v := range replace {
		if err := mod.AddReplace(path, "", path, v); err != nil {
			return nil, fmt.Errorf("replace %s: %w", path, err)
		}
	}
	text, err := mod.Format()
	if err != nil {
		return nil, fmt.Errorf("write go.mod: %w", err)
	}
	return text, nil
}
