package gobuild

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

const ownModule = "github.com/kubectl-upgrade/kubectl-upgrade/hack/lab"

// Parts are the lab's own programs that run inside of a cluster. ID changes with their source.
type Parts struct{ ID, dir, source string }

// Path is where the built program lies.
func (p *Parts) Path(name string) string { return filepath.Join(p.dir, name) }

// BuildParts builds the programs under parts/.
func BuildParts(ctx context.Context, cache, log string) (*Parts, error) {
	source, err := run.Output(ctx, run.Cmd{Args: []string{"go", "list", "-m", "-f", "{{.Dir}}", ownModule}, Env: []string{"GOWORK=off"}})
	if err != nil {
		return nil, fmt.Errorf("find the lab's own source (run it from hack/lab): %w", err)
	}
	source = strings.TrimSpace(source)
	id, err := hashTree(filepath.Join(source, "parts"), filepath.Join(source, "go.sum"))
	if err != nil {
		return nil, err
	}
	p := &Parts{ID: id, dir: filepath.Join(cache, "bin", "parts", id), source: source}
	return p, store.Once(p.dir, func(tmp string) error {
		return run.Do(ctx, run.Cmd{Args: []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", tmp + "/", "./parts/infra", "./parts/pause", "./parts/demo-web"},
			Dir: source, Env: []string{"CGO_ENABLED=0", "GOWORK=off"}, Log: log})
	})
}

// Crictl builds crictl so that it reports the version of its package, and returns its folder.
func Crictl(ctx context.Context, cache string, p *Parts, version, log string) (string, error) {
	out := filepath.Join(cache, "bin", "crictl", version+"-"+p.ID)
	return out, store.Once(out, func(tmp string) error {
		return run.Do(ctx, run.Cmd{Args: []string{"go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=" + version, "-o", tmp + "/", "./parts/crictl"},
			Dir: p.source, Env: []string{"CGO_ENABLED=0", "GOWORK=off"}, Log: log})
	})
}

// Built says whether Build would find the commands in the cache.
func Built(cache string, s Spec) bool {
	return store.Exists(filepath.Join(cache, "bin", s.Name, s.Version))
}

func hashTree(roots ...string) (string, error) {
	h := sha256.New()
	for _, root := range roots {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(p, "_test.go") {
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%s %d\n", strings.TrimPrefix(p, root), len(data))
			_, err = h.Write(data)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("hash %s: %w", root, err)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:12], nil
}
