package staticpod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// manifestLook is how often etcd's manifest is looked at while it may be replaced; the kubelet takes about a second to act on a new one.
const manifestLook = 100 * time.Millisecond

// WithoutServer does something that may replace etcd's manifest, and ends the API server of this host in the moment in which it does.
// It must not come back before etcd has ended.
//
// While its etcd is away, an API server goes on listening and leaves every request hanging: those that the load balancer
// still sends there, and those of this host's own kubelet, which wants etcd's old mirror pod deleted before it starts the new
// etcd. It then waits for a time-out, the node goes NotReady, and in the end the kubelet kills the API server for its failing
// probes. One that is gone lets clients go elsewhere at once; the kubelet starts it again by itself, and until its etcd is back
// it does not listen. Kubernetes' documentation advises to do the same by hand, 20 seconds before:
// https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/#considerations-when-upgrading-etcd
// https://github.com/kubernetes/kubeadm/issues/2991
func WithoutServer(ctx context.Context, log io.Writer, do func() error) error {
	before, err := os.Stat(Etcd)
	if errors.Is(err, fs.ErrNotExist) {
		return do()
	}
	if err != nil {
		return fmt.Errorf("look at etcd's static pod: %w", err)
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// What cannot be found costs time, not the upgrade.
		if err := endServer(watching, log, before); err != nil && watching.Err() == nil {
			fmt.Fprintln(log, "this host's API server goes on while etcd restarts:", err)
		}
	}()
	err = do()
	stop()
	<-ended
	return err
}

// endServer waits until etcd's manifest is replaced and asks the API server to end: it finishes what it is at, and says
// goodbye to etcd. One that has not ended when etcd has can do neither any more, and is ended by force.
func endServer(ctx context.Context, log io.Writer, before fs.FileInfo) error {
	server, err := Find(Server)
	if err != nil {
		return err
	}
	etcd, err := Find(Etcd)
	if err != nil {
		return err
	}
	if err := until(ctx, func() bool { return replaced(Etcd, before) }); err != nil {
		return err
	}
	fmt.Fprintf(log, "etcd restarts: this host's API server (process %d) is ended, so that no request hangs; the kubelet starts it again\n", server.PID)
	if err := server.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := until(ctx, func() bool { return !etcd.Runs() }); err != nil {
		return err
	}
	return server.Signal(syscall.SIGKILL)
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
