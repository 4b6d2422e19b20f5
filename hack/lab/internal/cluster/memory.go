package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// memoryDir is where a cluster has what is kept in memory, below the cluster's state.
const memoryDir = "memory"

// inMemory says whether etcd's data and the audit log are kept in this machine's memory on a node.
func (s *State) inMemory(n Node) bool {
	return s.Topology.Etcd.InMemory && n.Role == topology.ControlPlane
}

// makeMemory mounts what outlives a node's container, as a disk does, and says how the container gets its part.
func (s *State) makeMemory(n Node) ([]string, error) {
	all := filepath.Join(s.dir, memoryDir, n.Name)
	if err := os.MkdirAll(all, 0o700); err != nil {
		return nil, fmt.Errorf("create folder for etcd's data: %w", err)
	}
	if err := syscall.Mount("tmpfs", all, "tmpfs", syscall.MS_NODEV|syscall.MS_NOSUID|syscall.MS_NOEXEC, "size=1g,mode=0700"); err != nil {
		return nil, fmt.Errorf("mount memory for etcd's data on %s: %w", all, err)
	}
	var args []string
	// An API server answers no request before it has written the line of it in its audit log.
	for name, to := range map[string]string{"etcd": etcdData, "audit": auditFolder} {
		from := filepath.Join(all, name)
		if err := os.Mkdir(from, 0o700); err != nil {
			return nil, fmt.Errorf("create folder in memory: %w", err)
		}
		args = append(args, "-v", from+":"+to)
	}
	return args, nil
}

// dropMemory gives the memory back, whatever of it a killed bring-up has mounted.
func dropMemory(state string) error {
	mounted, err := filepath.Glob(filepath.Join(state, memoryDir, "*"))
	if err != nil {
		return err
	}
	for _, m := range mounted {
		if err := syscall.Unmount(m, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("unmount %s: %w", m, err)
		}
	}
	return nil
}
