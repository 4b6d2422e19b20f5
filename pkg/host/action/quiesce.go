package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
)

// manifestLook is how often etcd's manifest is looked at while kubeadm runs; the kubelet takes about a second to act on a new one.
const manifestLook = 100 * time.Millisecond

// upgradeStaticPods runs kubeadm and ends the API server of this host in the moment in which kubeadm replaces etcd.
//
// While its etcd is away, an API server goes on listening and leaves every request hanging: those that the load balancer
// still sends there, and those of this host's own kubelet, which wants etcd's old mirror pod deleted before it starts the new
// etcd. It then waits for a time-out, the node goes NotReady, and in the end the kubelet kills the API server for its failing
// probes. One that is told to end finishes what it is at and refuses what comes later, so that clients go elsewhere at once;
// the kubelet starts it again by itself. Kubernetes' documentation advises to do the same by hand, 20 seconds before:
// https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/#considerations-when-upgrading-etcd
// https://github.com/kubernetes/kubeadm/issues/2991
func upgradeStaticPods(ctx context.Context, env Env, args []string) error {
	before, err := os.Stat(etcdManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return proc.Run(ctx, env.Log, kubeadmPath, args...)
	}
	if err != nil {
		return fmt.Errorf("look at etcd's static pod: %w", err)
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if replaced(watching, etcdManifest, before) {
			endAPIServer(env.Log)
		}
	}()
	err = proc.Run(ctx, env.Log, kubeadmPath, args...)
	stop()
	<-ended
	return err
}

// replaced waits until another file is in a file's place, or none, as for an instant while kubeadm replaces a manifest; false when
// ctx ended before.
func replaced(ctx context.Context, path string, before fs.FileInfo) bool {
	tick := time.NewTicker(manifestLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		now, err := os.Stat(path)
		if err != nil || !os.SameFile(before, now) || !now.ModTime().Equal(before.ModTime()) {
			return true
		}
	}
}

// endAPIServer asks the API server of kubeadm's static pod to end. That it cannot costs time, not the upgrade.
func endAPIServer(log io.Writer) {
	pid, err := apiServerPID()
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGTERM)
	}
	if err != nil {
		fmt.Fprintln(log, "etcd restarts while this host's API server goes on:", err)
		return
	}
	fmt.Fprintf(log, "etcd restarts: this host's API server (process %d) was asked to end, so that no request hangs; the kubelet starts it again\n", pid)
}

// apiServerPID finds the process that runs the very command line of kubeadm's manifest: a host may run API servers of others too.
func apiServerPID() (int, error) {
	want, err := manifestCommand(serverManifest)
	if err != nil {
		return 0, err
	}
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, path := range found {
		// A process that has ended meanwhile leaves nothing to read.
		raw, err := os.ReadFile(path)
		if err != nil || !sameCommand(raw, want) {
			continue
		}
		return strconv.Atoi(filepath.Base(filepath.Dir(path)))
	}
	return 0, errors.New("find process of the API server: none runs the command of " + serverManifest)
}

// sameCommand holds what the kernel keeps of a process, each word ended by a zero byte, against a command.
func sameCommand(raw []byte, want []string) bool {
	var words []string
	for w := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte{0}), []byte{0}) {
		words = append(words, string(w))
	}
	return slices.Equal(words, want)
}
