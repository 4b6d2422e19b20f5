package action

import (
	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// diskPaths are where an upgrade writes; each is listed on its own, since any may be a mount.
var diskPaths = []string{
	"/", "/var/cache/apt/archives", "/usr", "/etc/kubernetes",
	"/var/lib/kubelet", "/var/lib/containerd", "/var/lib/etcd", "/var/lib/kubectl-upgrade",
}

func disks() []cluster.Disk {
	var out []cluster.Disk
	for _, p := range diskPaths {
		var s unix.Statfs_t
		if unix.Statfs(p, &s) != nil {
			continue
		}
		size := uint64(s.Bsize) //nolint:gosec // block sizes are positive
		out = append(out, cluster.Disk{Path: p, Free: s.Bavail * size, Total: s.Blocks * size})
	}
	return out
}
