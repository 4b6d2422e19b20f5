package staticpod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
)

const (
	// settleTime is what a kubelet needs for a pod whose sandbox has ended until that counts.
	settleTime = 500 * time.Millisecond
	// tellAgain is when a kubelet is told once more that has not begun. It has looked by then: it does every two seconds (housekeepingPeriod).
	tellAgain = 3 * time.Second
	// tellTimes is how often it is told: one that needs longer than that from looking to beginning would never come to it.
	tellTimes = 3
)

// Hurry has the kubelet, which has to be of 1.22 or later, start a static pod of the control plane whose manifest is replaced as soon as the one before has ended, until stop
// is called. What cannot be found costs time only.
//
// Such a kubelet looks whether the old pod has ended when the manifest is replaced, which is too soon, and then after 10 to 15 seconds, and so on, however soon it ended: of what kubeadm waits for that is the
// most. A manifest that is taken away and put back makes it look again.
// https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/kubelet/pod_workers.go (allowPodStart, backOffPeriod)
func Hurry(ctx context.Context, log io.Writer) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var follows sync.WaitGroup
	stop = func() {
		cancel()
		follows.Wait()
	}
	runtime, err := connect()
	if err != nil {
		fmt.Fprintln(log, "the kubelet starts static pods in its own time:", err)
		return stop
	}
	for _, manifest := range manifests() {
		f := &follower{log: log, runtime: runtime, manifest: manifest}
		if err := f.find(ctx); err == nil {
			follows.Go(func() { f.follow(ctx) })
		}
	}
	end := stop
	return func() {
		end()
		runtime.Close()
	}
}

// Mend puts back manifests that Hurry has taken away, in the instant in which it was killed.
func Mend() error {
	var errs []error
	for _, m := range manifests() {
		errs = append(errs, putBack(m))
	}
	return errors.Join(errs...)
}

func manifests() []string { return append([]string{Server}, components...) }

func connect() (*cri.Client, error) {
	socket, err := cri.Socket()
	if err != nil {
		return nil, err
	}
	return cri.Connect(socket)
}

// follower is for one manifest.
type follower struct {
	log      io.Writer
	runtime  sandboxes
	manifest string
	pod      cri.Pod
	// before is the manifest as it is, and says what is in it.
	before fs.FileInfo
	says   any
}

// sandboxes is what is asked of a container runtime.
type sandboxes interface {
	PodOf(ctx context.Context, container string) (cri.Pod, error)
	Sandboxes(ctx context.Context, pod cri.Pod) (map[string]bool, error)
}

func (f *follower) find(ctx context.Context) error {
	if err := f.look(); err != nil {
		return err
	}
	p, err := Find(f.manifest)
	if err != nil {
		return err
	}
	f.pod, err = f.runtime.PodOf(ctx, p.Container())
	return err
}

func (f *follower) look() (err error) {
	if f.before, err = os.Stat(f.manifest); err != nil {
		return err
	}
	f.says, _ = manifest(f.manifest)
	return nil
}

func (f *follower) follow(ctx context.Context) {
	for {
		old, err := f.runtime.Sandboxes(ctx, f.pod)
		if err != nil || until(ctx, manifestLook, func() bool { return replaced(f.manifest, f.before) }) != nil {
			return
		}
		said := f.says
		// For an instant there may be none.
		if until(ctx, manifestLook, func() bool { return f.look() == nil }) != nil {
			return
		}
		now, err := f.runtime.Sandboxes(ctx, f.pod)
		// The kubelet knows by the same UID what says the same; and what has ended already keeps it from nothing.
		if err == nil && !reflect.DeepEqual(said, f.says) && runsOne(now, old, true) {
			f.hurry(ctx, old)
		}
	}
}

// hurry tells the kubelet of the manifest once the old sandboxes have ended, until there is another one.
func (f *follower) hurry(ctx context.Context, old map[string]bool) {
	var ended, told time.Time
	times := 0
	_ = until(ctx, processLook, func() bool {
		now, err := f.runtime.Sandboxes(ctx, f.pod)
		switch {
		case err != nil:
		case runsOne(now, old, false):
			return true
		case runsOne(now, old, true):
			ended = time.Time{}
		case ended.IsZero():
			ended = time.Now()
		case time.Since(ended) >= settleTime && time.Since(told) >= tellAgain:
			told = time.Now()
			times++
			if err := again(f.manifest); err != nil {
				fmt.Fprintln(f.log, err)
			} else {
				fmt.Fprintf(f.log, "pod %s has ended: the kubelet is told of %s again, so that it starts the new one now\n", f.pod.Name, f.manifest)
			}
		}
		return times == tellTimes
	})
}

// runsOne tells whether one of the sandboxes runs that are among the old ones, or that are not.
func runsOne(now, old map[string]bool, among bool) bool {
	for id, runs := range now {
		if _, is := old[id]; runs && is == among {
			return true
		}
	}
	return false
}

// again takes a manifest away and puts it back, unless somebody has put another one there meanwhile.
func again(manifest string) error {
	if err := os.Rename(manifest, aside(manifest)); err != nil {
		return fmt.Errorf("take %s away: %w", manifest, err)
	}
	return putBack(manifest)
}

// putBack puts back what again has taken away; it may have been killed between.
func putBack(manifest string) error {
	if err := os.Link(aside(manifest), manifest); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		// A file system without hard links must not cost the manifest.
		if err := os.Rename(aside(manifest), manifest); err != nil {
			return fmt.Errorf("put %s back: %w; it is in %s: move it back", manifest, err, aside(manifest))
		}
		return nil
	}
	if err := os.Remove(aside(manifest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove copy of %s: %w", manifest, err)
	}
	return nil
}

// aside is where a manifest is for an instant. The kubelet passes by what begins with a dot.
func aside(manifest string) string {
	return filepath.Join(filepath.Dir(manifest), "."+filepath.Base(manifest)+".kubectl-upgrade")
}
