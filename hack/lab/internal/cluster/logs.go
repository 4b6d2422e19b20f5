package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// nodeLogs are the commands whose output tells what happened on a node.
var nodeLogs = map[string][]string{
	"journal-kubelet.log":    {"journalctl", "--no-pager", "-o", "short-precise", "-u", "kubelet"},
	"journal-containerd.log": {"journalctl", "--no-pager", "-o", "short-precise", "-u", "containerd"},
	"journal-etcd.log":       {"journalctl", "--no-pager", "-o", "short-precise", "-u", "etcd"},
	"journal.log":            {"journalctl", "--no-pager", "-o", "short-precise"},
	"failed-units.log":       {"systemctl", "--no-pager", "--failed"},
	"packages.log":           {"dpkg", "-l", "kube*", "cri-tools", "containerd"},
	"holds.log":              {"apt-mark", "showhold"},
	"containers.log":         {"crictl", "ps", "-a"},
	"images.log":             {"crictl", "images"},
	"routes.log":             {"ip", "route"},
}

// nodeFolders are copied as they are.
var nodeFolders = map[string]string{"/var/log/apt": "apt", "/var/log/pods": "pods", "/etc/kubernetes/manifests": "manifests", auditFolder: "audit", etcdLog: "etcd.log"}

// Logs collects everything that explains the cluster into a folder. It goes on after a failure: the node that does
// not answer is likely the reason for asking.
func (s *State) Logs(ctx context.Context, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("create log folder: %w", err)
	}
	own := filepath.Join(s.dir, "logs")
	err := filepath.WalkDir(own, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return store.Copy(p, filepath.Join(to, "lab", d.Name()))
	})
	if err != nil {
		return fmt.Errorf("copy the lab's own logs: %w", err)
	}
	for _, n := range s.Nodes {
		s.nodeLogs(ctx, n, filepath.Join(to, n.Name))
	}
	s.engineLog(ctx, s.Infra.Container, filepath.Join(to, "infra.log"))
	if s.LoadBalancer != nil {
		s.engineLog(ctx, s.LoadBalancer.Container, filepath.Join(to, "lb.log"))
	}
	return nil
}

func (s *State) nodeLogs(ctx context.Context, n Node, to string) {
	for file, args := range nodeLogs {
		_, _ = docker.Exec(ctx, filepath.Join(to, file), n.Container, args...)
	}
	s.engineLog(ctx, n.Container, filepath.Join(to, "console.log"))
	for from, name := range nodeFolders {
		_ = os.MkdirAll(to, 0o755)
		_ = run.Do(ctx, run.Cmd{Args: []string{"docker", "cp", n.Container + ":" + from, filepath.Join(to, name)}})
	}
}

func (s *State) engineLog(ctx context.Context, container, file string) {
	_ = docker.Do(ctx, file, "logs", "--timestamps", container)
}
