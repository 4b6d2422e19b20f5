package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

const (
	diskUnit  = "etc/systemd/system/lab-disk.service"
	diskMount = "etc/lab/mount-disk"
	// diskImage is where a node finds the file that is its disk.
	diskImage = "/lab-disk.img"
)

// diskService mounts the disk at every start, before what has its data on it.
const diskService = `[Unit]
Description=Lab node: the disk of etcd
Before=containerd.service kubelet.service etcd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /` + diskMount + `

[Install]
WantedBy=multi-user.target
`

// diskScript makes the device files that a container has none of. kubeadm wants the folder to be empty, and mkfs leaves one in it.
const diskScript = `set -e
[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
for i in $(seq 0 63); do
	[ -e "/dev/loop$i" ] || mknod "/dev/loop$i" b 7 "$i"
done
mkdir -p ` + etcdData + `
mount -o loop ` + diskImage + ` ` + etcdData + `
rmdir ` + etcdData + `/lost+found 2>/dev/null || true
`

// hasDisk says whether etcd's data has a disk of its own on a node.
func (s *State) hasDisk(n Node) bool {
	return s.Topology.Etcd.DiskMiB > 0 && n.Role == topology.ControlPlane
}

// makeDisk makes the file that is a node's disk, and says how the node's container gets it.
func (s *State) makeDisk(ctx context.Context, n Node) ([]string, error) {
	path := filepath.Join(s.dir, "disks", n.Name+".img")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create folder for disks: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create disk of %s: %w", n.Name, err)
	}
	defer f.Close()
	if err := f.Truncate(s.Topology.Etcd.DiskMiB << 20); err != nil {
		return nil, fmt.Errorf("size disk of %s: %w", n.Name, err)
	}
	// Nothing is set aside for root: a full disk is full.
	if err := run.Do(ctx, run.Cmd{Args: []string{"mkfs.ext4", "-q", "-m", "0", path}, Log: s.logFile(n.Name)}); err != nil {
		return nil, err
	}
	return []string{"-v", path + ":" + diskImage}, nil
}

// mountDisk has a started node mount its disk, now and at every boot.
func (s *State) mountDisk(ctx context.Context, n Node) error {
	_, err := docker.Exec(ctx, s.logFile(n.Name), n.Container, "systemctl", "enable", "--now", "lab-disk")
	return err
}
