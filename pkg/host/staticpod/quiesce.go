package staticpod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	// manifestLook is how often etcd's manifest is looked at while it may be replaced.
	manifestLook = 25 * time.Millisecond
	// processLook is how often the processes of the host are gone through.
	processLook = 250 * time.Millisecond
	// closePatience is how long an API server may take to close its port. It does in some hundredths of a second, or in a second or two where
	// its hooks have to wait for a processor.
	closePatience = 3 * time.Second
	// straggleTime is what it gets for requests that it had begun with, or that were on their way to it, when it did: one that is left has no etcd and hangs.
	straggleTime = time.Second
	// answerTime is what an API server gets for requests that it has begun with when it closes its port.
	answerTime = 5 * time.Second
	// lingerTime is how long an API server that was asked to end goes on for the sake of watches.
	lingerTime = time.Minute
	// removeTime is what the runtime gets to end a container by force.
	removeTime = 10 * time.Second
	// prepared is where kubeadm writes new manifests first. It makes three certificates before it puts etcd's in place, which takes
	// some tenths of a second; the kubelet ends etcd at once then.
	prepared = "/etc/kubernetes/tmp/kubeadm-upgraded-manifests*"
)

// WithoutServer does something that may replace etcd's manifest, and has the API server of this host take no requests from just before until
// the new etcd runs. What knows when it will end etcd calls Leave; else that is seen by the files that kubeadm writes, and what is given
// to Hold stands still until the API server has left. together tells that etcd is replaced whenever the API server is.
//
// While its etcd is away, an API server goes on listening and leaves every request hanging: those that the load balancer
// still sends there, and those of this host's own kubelet, which wants etcd's old mirror pod deleted before it starts the new
// etcd. It then waits for a time-out, the node goes NotReady, and in the end the kubelet kills the API server for its failing
// probes. One that is told to end while its etcd still serves takes itself out of Service kubernetes, closes its port, answers what it has, and sends its
// clients elsewhere; a load balancer or a kubelet that is refused goes on at once. It lingers for the sake of watches, which is as good: the
// kubelet would start another one, that opens its port long before it has an etcd to answer by. Once the new etcd runs it is ended by
// force. Kubernetes' documentation advises to end it by hand, 20 seconds before:
// https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/#considerations-when-upgrading-etcd
// https://github.com/kubernetes/kubeadm/issues/2991
func WithoutServer(ctx context.Context, log io.Writer, together bool, do func(*Leaver) error) error {
	before, err := os.Stat(Etcd)
	if errors.Is(err, fs.ErrNotExist) {
		return do(nil)
	}
	if err != nil {
		return fmt.Errorf("look at etcd's static pod: %w", err)
	}
	l, err := newLeaver(log, "etcd restarts")
	if err == nil {
		l.together = together
		l.etcd, err = Find(Etcd)
	}
	if err != nil {
		// What cannot be found costs time, not the upgrade.
		fmt.Fprintln(log, "this host's API server goes on while etcd restarts:", err)
		return do(nil)
	}
	watching, stop := context.WithCancel(ctx)
	var watches sync.WaitGroup
	watches.Go(func() { l.watch(watching, before) })
	watches.Go(func() { l.hasten(watching) })
	err = do(l)
	stop()
	watches.Wait()
	if err == nil && l.left {
		within, cancel := context.WithTimeout(ctx, lingerTime)
		defer cancel()
		_ = until(within, processLook, l.etcdIsBack) // what does not come is for the caller to find out
	}
	l.finish(ctx)
	return err
}

// Leaver ends the API server of this host. One that is nil has none to end.
type Leaver struct {
	log          io.Writer
	why          string
	server, etcd Process
	address      string
	together     bool
	// patient is set where somebody has decided how watches are to end.
	patient bool
	// manifest is the API server's as it was.
	manifest fs.FileInfo
	held     atomic.Pointer[os.Process]
	once     sync.Once
	left     bool
}

func newLeaver(log io.Writer, why string) (*Leaver, error) {
	l := &Leaver{log: log, why: why}
	var err error
	if l.server, err = Find(Server); err != nil {
		return nil, err
	}
	args, err := Args(Server)
	if err != nil {
		return nil, err
	}
	l.address = ServerAddress(args)
	_, l.patient = args["shutdown-watch-termination-grace-period"]
	l.manifest, err = os.Stat(Server)
	return l, err
}

// Hold names the process that is going to replace etcd's manifest.
func (l *Leaver) Hold(p *os.Process) {
	if l != nil {
		l.held.Store(p)
	}
}

// watch waits until etcd is about to be replaced, and has the API server leave until the new one runs.
func (l *Leaver) watch(ctx context.Context, before fs.FileInfo) {
	since, late := time.Now(), false
	err := until(ctx, manifestLook, func() bool {
		late = replaced(Etcd, before)
		return late || announced(prepared, Dir, since, l.together)
	})
	if err != nil {
		return
	}
	if late {
		l.Leave(ctx)
	} else {
		l.still(func() { l.Leave(ctx) })
	}
	if until(ctx, processLook, l.etcdIsBack) == nil {
		l.finish(ctx)
	}
}

// still does something while the process that was given to Hold stands still: three certificates are all that kubeadm makes between its announcement
// and etcd's end, which is not always enough time.
func (l *Leaver) still(do func()) {
	p := l.held.Load()
	if p == nil || p.Signal(syscall.SIGSTOP) != nil {
		do()
		return
	}
	defer p.Signal(syscall.SIGCONT) //nolint:errcheck // it may have been killed meanwhile
	do()
}

// hasten ends an API server whose manifest has been replaced once it has closed its port and answered what it had: for the sake of watches, which
// are cut off in the end all the same, it would go on until the kubelet's patience of half a minute is over, and the new one does not start before.
func (l *Leaver) hasten(ctx context.Context) {
	if l.patient || until(ctx, manifestLook, func() bool { return replaced(Server, l.manifest) }) != nil {
		return
	}
	old, err := FindCommand(l.server.Command)
	if err != nil {
		return
	}
	var closed time.Time
	err = until(ctx, processLook, func() bool {
		switch {
		case !refuses(ctx, l.address):
			closed = time.Time{}
		case closed.IsZero():
			closed = time.Now()
		}
		return !old.Runs() || !closed.IsZero() && time.Since(closed) >= answerTime
	})
	if err != nil || !old.Runs() {
		return
	}
	fmt.Fprintf(l.log, "this host's old API server (process %d) has nothing left but watches: it is ended, so that the new one starts\n", old.PID)
	_ = old.Signal(syscall.SIGKILL) // it may have ended by itself just now
}

// etcdIsBack tells whether another process than before runs by etcd's manifest.
func (l *Leaver) etcdIsBack() bool {
	now, err := Find(Etcd)
	return err == nil && now.PID != l.etcd.PID
}

// Leave asks the API server to end and waits until it takes no more requests. It goes on with those that it has, and with watches.
func (l *Leaver) Leave(ctx context.Context) {
	if l == nil {
		return
	}
	l.once.Do(func() {
		l.left = true
		fmt.Fprintf(l.log, "%s: this host's API server (process %d) is asked to end before, so that no request is lost; the kubelet starts it again\n", l.why, l.server.PID)
		if err := l.server.Signal(syscall.SIGTERM); err != nil {
			fmt.Fprintln(l.log, "this host's API server goes on:", err)
			return
		}
		closing, cancel := context.WithTimeout(ctx, closePatience)
		defer cancel()
		_ = until(closing, manifestLook, func() bool { return refuses(closing, l.address) }) // what it does not do in time costs time
		// How many requests it has begun with, nobody can ask any more.
		select {
		case <-ctx.Done():
		case <-time.After(straggleTime):
		}
	})
}

func refuses(ctx context.Context, address string) bool {
	c, err := (&net.Dialer{Timeout: closePatience}).DialContext(ctx, "tcp", address)
	if err == nil {
		c.Close()
	}
	return err != nil
}

// finish ends an API server that has left and lingers for the sake of watches: the kubelet starts no other one meanwhile.
func (l *Leaver) finish(ctx context.Context) {
	if !l.left {
		return
	}
	discard(ctx, l.log, l.server, l.server.Container())
}

// discard ends a process by force, and has the kubelet not hesitate to start it again.
func discard(ctx context.Context, log io.Writer, p Process, container string) {
	if err := remove(ctx, container); err != nil {
		fmt.Fprintf(log, "remove container of %s (process %d): %v; it is ended, and the kubelet may hesitate to start it again\n", p.Command[0], p.PID, err)
	}
	_ = p.Signal(syscall.SIGKILL) // it may have ended by itself just now
}

// remove has the runtime end and forget a container. The kubelet starts what it finds missing at once; what it finds ended again
// within ten minutes it lets wait 10, 20, 40 seconds and so on (CrashLoopBackOff), and etcd's hops are quicker than that.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
func remove(ctx context.Context, container string) error {
	if container == "" {
		return nil
	}
	runtime, err := connect()
	if err != nil {
		return err
	}
	defer runtime.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	return runtime.Remove(ctx, container)
}

// until waits for a condition; the error is that of the context.
func until(ctx context.Context, every time.Duration, so func() bool) error {
	tick := time.NewTicker(every)
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

// announced tells whether kubeadm has written a manifest of etcd, to a folder that a pattern finds, which it is going to put in place: one that says
// something else than the one that is there, or together with another one of the API server.
func announced(pattern, dir string, since time.Time, together bool) bool {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return false
	}
	for _, f := range found {
		info, err := os.Stat(filepath.Join(f, filepath.Base(Etcd)))
		if err != nil || info.ModTime().Before(since) {
			continue
		}
		etcd, written := differs(f, dir, Etcd)
		server, too := differs(f, dir, Server)
		return written && etcd || written && together && too && server
	}
	return false
}

// differs compares what two folders have under a manifest's name; ok is false while the first one has not been written to its end.
func differs(next, now, path string) (is, ok bool) {
	will, ok := manifest(filepath.Join(next, filepath.Base(path)))
	be, _ := manifest(filepath.Join(now, filepath.Base(path)))
	return !reflect.DeepEqual(will, be), ok
}

// manifest reads what a manifest says, once it is written to its end.
func manifest(path string) (content any, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil || yaml.Unmarshal(text, &content) != nil {
		return nil, false
	}
	_, err = Parse(text)
	return content, err == nil
}
