package staticpod

import (
	"context"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// components are the static pods that kubeadm makes besides the API server's.
var components = []string{Etcd, Dir + "/kube-controller-manager.yaml", Dir + "/kube-scheduler.yaml"}

// WithNewKubelet starts a kubelet of another minor, by a function that returns once it is healthy, and ends what runs of the control plane then. Where API servers of
// other nodes take requests, this host's leaves before.
//
// Such a kubelet gives static pods another UID. Those that run are orphans to it, which it ends within a second, requests and all, as soon as it has
// listed its pods; and the new ones, which it starts before, find their ports taken, end, and wait for 10 seconds and more (CrashLoopBackOff). Ended
// by us they have their time, and the new ones start once.
// https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/kubelet/kubelet.go (SyncTerminatingRuntimePod)
func WithNewKubelet(ctx context.Context, log io.Writer, others bool, start func() error) error {
	l, err := newLeaver(log, "the kubelet starts static pods anew")
	if err != nil {
		if _, err := Read(Server); err == nil {
			fmt.Fprintln(log, "this host's control plane is left to the kubelet:", err)
		}
		return start()
	}
	var old []Process
	for _, c := range components {
		if p, err := Find(c); err == nil {
			old = append(old, p)
		}
	}
	if others {
		l.Leave(ctx)
	}
	if err := start(); err != nil {
		l.finish(ctx) // it has left, and nobody but the kubelet starts it again
		return err
	}
	l.Leave(ctx)
	var ends sync.WaitGroup
	ends.Go(func() { l.finish(ctx) })
	for _, p := range old {
		ends.Go(func() { end(ctx, log, p) })
	}
	ends.Wait()
	return nil
}

// end gives a process the time that it needs to end.
func end(ctx context.Context, log io.Writer, p Process) {
	container := p.Container()
	fmt.Fprintf(log, "%s (process %d), which the kubelet of before started, is asked to end\n", p.Command[0], p.PID)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		fmt.Fprintln(log, err)
		return
	}
	within, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_ = until(within, manifestLook, func() bool { return !p.Runs() })
	discard(ctx, log, p, container)
}
