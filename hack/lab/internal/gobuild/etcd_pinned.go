package gobuild

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// EtcdIsPinned says whether hack/etcd builds the release, as it does those that etcd-migrate brings along.
func EtcdIsPinned(p *Parts, version string) bool {
	return store.Exists(filepath.Join(p.repository(), "hack", "etcd", "modules", version))
}

// PinnedEtcd has hack/etcd build such releases, all in one go, and returns the folder of their programs.
func PinnedEtcd(ctx context.Context, p *Parts, versions []string, log string) (string, error) {
	args := []string{"go", "run", "./hack/etcd", "--only", strings.Join(versions, ",")}
	out, err := run.Output(ctx, run.Cmd{Args: args, Dir: p.repository(), Env: []string{"GOWORK=off"}, Log: log})
	return strings.TrimSpace(out), err
}

// PinnedEtcdPrograms are the programs of one of those releases in such a folder, by name.
func PinnedEtcdPrograms(dir, version string) map[string]string { return etcdPrograms(dir, "-"+version) }

// repository is the root of the project, whose own module builds etcd.
func (p *Parts) repository() string { return filepath.Join(p.source, "..", "..") }

// etcdPrograms finds the programs of a release in a folder. etcdutl is as old as 3.5.
func etcdPrograms(dir, suffix string) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"etcd", "etcdctl", "etcdutl"} {
		if path := filepath.Join(dir, name+suffix); store.Exists(path) {
			out[name] = path
		}
	}
	return out
}

// EtcdPrograms are the programs that Build or EtcdBeforeModules has left in a folder, by name.
func EtcdPrograms(dir string) map[string]string {
	out := etcdPrograms(dir, "")
	out["etcd"] = filepath.Join(dir, "server") // the server's main package is its module's root, and the file is named after that folder
	return out
}
