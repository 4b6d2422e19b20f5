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
// probes. One that is gone lets clients go elsewhere at once; the kubelet starts it again by itself, and until its etcd is back
// it does not listen. Kubernetes' documentation advises to do the same by hand, 20 seconds before:
// https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/#considerations-when-upgrading-etcd
// https://github.com/kubernetes/kubeadm/issues/2991
func upgradeStaticPods(ctx context.Context, env Env, args []string) error {
	kubeadm, err := kubeadmProgram()
	if err != nil {
		return err
	}
	before, err := os.Stat(etcdManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return proc.Run(ctx, env.Log, kubeadm, args...)
	}
	if err != nil {
		return fmt.Errorf("look at etcd's static pod: %w", err)
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// What cannot be found costs time, not the upgrade.
		if err := endAPIServer(watching, env.Log, before); err != nil && watching.Err() == nil {
			fmt.Fprintln(env.Log, "this host's API server goes on while etcd restarts:", err)
		}
	}()
	err = proc.Run(ctx, env.Log, kubeadm, args...)
	stop()
	<-ended
	return err
}

// endAPIServer waits until etcd's manifest is replaced and asks the API server to end: it finishes what it is at, and says
// goodbye to etcd. One that has not ended when etcd has can do neither any more, and is ended by force.
func endAPIServer(ctx context.Context, log io.Writer, before fs.FileInfo) error {
	server, err := findStaticPod(serverManifest)
	if err != nil {
		return err
	}
	etcd, err := findStaticPod(etcdManifest)
	if err != nil {
		return err
	}
	if err := until(ctx, func() bool { return replaced(etcdManifest, before) }); err != nil {
		return err
	}
	fmt.Fprintf(log, "etcd restarts: this host's API server (process %d) is ended, so that no request hangs; the kubelet starts it again\n", server.pid)
	if err := server.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := until(ctx, func() bool { return !etcd.runs() }); err != nil {
		return err
	}
	return server.signal(syscall.SIGKILL)
}

// until waits for a condition; the error is that of the context.
func until(ctx context.Context, so func() bool) error {
	tick := time.NewTicker(manifestLook)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// replaced tells whether another file is in a file's place, or none, as for an instant while kubeadm replaces a manifest.
func replaced(path string, before fs.FileInfo) bool {
	now, err := os.Stat(path)
	return err != nil || !os.SameFile(before, now) || !now.ModTime().Equal(before.ModTime())
}

// process is one of the host, known by its command line: the number alone may be given to another once it has ended.
type process struct {
	pid     int
	command []string
}

// findStaticPod finds the process that runs the very command line of a manifest: a host may run API servers of others too.
func findStaticPod(manifest string) (process, error) {
	command, err := manifestCommand(manifest)
	if err != nil {
		return process{}, err
	}
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return process{}, err
	}
	for _, path := range found {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if p := (process{pid, command}); err == nil && p.runs() {
			return p, nil
		}
	}
	return process{}, fmt.Errorf("find process of %s: none runs its command", manifest)
}

// runs tells whether the process is still there.
func (p process) runs() bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	return err == nil && sameCommand(raw, p.command)
}

// signal sends a signal; that the process has ended is fine.
func (p process) signal(s syscall.Signal) error {
	if !p.runs() {
		return nil
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process %d: %w", s, p.pid, err)
	}
	return nil
}

// sameCommand holds what the kernel keeps of a process, each word ended by a zero byte, against a command.
func sameCommand(raw []byte, want []string) bool {
	var words []string
	for w := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte{0}), []byte{0}) {
		words = append(words, string(w))
	}
	return slices.Equal(words, want)
}
