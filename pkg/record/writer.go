package record

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

const (
	// writeEvery is the shortest time between two writes; what happens meanwhile goes into the next one.
	writeEvery = time.Second
	// writeRate makes large records rarer: etcd keeps every one of them until it compacts.
	writeRate = 100 << 10 // bytes a second
	// refusal is how long an API server that has just started may refuse everybody: it has to read the roles first.
	refusal = 2 * time.Minute
	// flushTime bounds the last write.
	flushTime = 20 * time.Second
)

// Writer is an event.Sink that keeps the record of a run in the cluster. It writes on its own time: neither a slow API server nor
// one that is away holds up the run.
type Writer struct {
	client kubernetes.Interface
	lock   *Lock
	warn   func(string, ...any)
	plan   []byte

	wake chan struct{}
	stop context.CancelFunc
	loop sync.WaitGroup

	mu  sync.Mutex
	run Run

	// version is the resource version of the last write; empty when it has to be asked for. Only the loop, and Finish after it, touch these.
	version string
	warned  bool
	// refusedSince is when the API server began to refuse what it had allowed before; zero while it does not.
	refusedSince time.Time
}

// Keep begins the record of a run in the cluster; Finish ends it.
func Keep(ctx context.Context, client kubernetes.Interface, lock *Lock, run Run, warn func(string, ...any)) (*Writer, error) {
	packed, err := packPlan(&run)
	if err != nil {
		return nil, err
	}
	w := &Writer{client: client, lock: lock, warn: warn, plan: packed, run: run, wake: make(chan struct{}, 1)}
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.nudge()
	w.loop.Go(func() { w.keep(ctx) })
	return w, nil
}

// Emit implements event.Sink.
func (w *Writer) Emit(e event.Event) {
	w.mu.Lock()
	changed := w.run.apply(e)
	w.mu.Unlock()
	if changed {
		w.nudge()
	}
}

func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already, and has not looked yet
	}
}

func (w *Writer) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		n, err := w.write(ctx)
		switch {
		case err == nil:
			w.refusedSince = time.Time{}
		case errors.Is(err, ErrLost):
			return
		case err != nil && ctx.Err() == nil:
			w.complain(err)
			w.nudge()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(writeEvery + time.Duration(n)*time.Second/writeRate):
		}
	}
}

// complain says once what keeps the record from being written; an API server that restarts is no reason.
func (w *Writer) complain(err error) {
	lasting := w.refuses(err) || apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err)
	if lasting && !w.warned {
		w.warned = true
		w.warn("the record of this run in the cluster cannot be written: %v", err)
	}
}

// refuses tells whether the API server has refused everything for longer than one that has just started does.
func (w *Writer) refuses(err error) bool {
	if !apierrors.IsForbidden(err) {
		return false
	}
	if w.refusedSince.IsZero() {
		w.refusedSince = time.Now()
	}
	return time.Since(w.refusedSince) > refusal
}

// write puts the run as it is now into the cluster, and tells how large it is.
func (w *Writer) write(ctx context.Context) (int, error) {
	w.mu.Lock()
	run := w.run.clone()
	w.mu.Unlock()
	cm, err := configMap(&run, w.lock.token, w.plan)
	if err != nil {
		return 0, err
	}
	n := size(cm)
	for _, b := range cm.BinaryData {
		n += len(b)
	}
	err = w.put(ctx, cm)
	if err != nil {
		w.version = ""
		err = fmt.Errorf("write record %s/%s: %w", metav1.NamespaceSystem, runName, err)
	}
	return n, err
}

// put writes over the record of an earlier run, or its own, but never over that of a later one: between the look at the record and the
// write lies a look at the lock, and whoever has taken that meanwhile and written makes this write a conflict.
func (w *Writer) put(ctx context.Context, cm *corev1.ConfigMap) error {
	maps := w.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	if w.version == "" {
		have, err := maps.Get(ctx, runName, metav1.GetOptions{})
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return err
		}
		if err := w.lock.look(ctx); err != nil {
			return err
		}
		if missing {
			made, err := maps.Create(ctx, cm, metav1.CreateOptions{})
			if err == nil {
				w.version = made.ResourceVersion
			}
			return err
		}
		w.version = have.ResourceVersion
	}
	cm.ResourceVersion = w.version
	made, err := maps.Update(ctx, cm, metav1.UpdateOptions{})
	if err == nil {
		w.version = made.ResourceVersion
	}
	return err
}

// Finish writes how the run ended, or takes the record away when it is done. It gives up after a while: the local journal has it all.
func (w *Writer) Finish(ctx context.Context, state State, why error) error {
	w.stop()
	w.loop.Wait()
	w.mu.Lock()
	w.run.finish(state, why, time.Now())
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	for {
		var err error
		if state == Done {
			err = remove(ctx, w.client, w.lock)
		} else {
			_, err = w.write(ctx)
		}
		if err == nil || errors.Is(err, ErrLost) { // whoever has the lock now keeps the record now
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(writeEvery):
		}
	}
}

// finish notes how the run ended. Steps that run no more had no end.
func (r *Run) finish(state State, why error, now time.Time) {
	r.State, r.Updated, r.Steps = state, now, nil
	if why != nil {
		r.Error = why.Error()
	}
}
