//go:build realetcd

package etcd

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// netns is a network of its own, in which a pod's addresses and ports are free whatever else runs here.
type netns struct{ do chan func() }

// newNetns makes one that has these addresses. It needs root.
func newNetns(t *testing.T, addresses ...[4]byte) *netns {
	t.Helper()
	n := &netns{do: make(chan func())}
	ready := make(chan error)
	go func() {
		// The network belongs to the thread, which ends with this function: nothing else must ever run on it.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = loopbackUp(addresses)
		}
		ready <- err
		for f := range n.do {
			f()
		}
	}()
	t.Cleanup(func() { close(n.do) })
	if err := <-ready; err != nil {
		t.Fatalf("make a network (be root): %v", err)
	}
	return n
}

// in runs f in the network. What f starts as a process lives in there too; other goroutines that it starts do not.
func (n *netns) in(f func()) {
	done := make(chan struct{})
	n.do <- func() {
		defer close(done)
		f()
	}
	<-done
}

func loopbackUp(addresses [][4]byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up := func(name string) error {
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
	}
	if err := up("lo"); err != nil {
		return err
	}
	for i, a := range addresses {
		name := "lo:" + string(rune('1'+i))
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(a[:]); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, r); err != nil {
			return err
		}
		if err := up(name); err != nil {
			return err
		}
	}
	return nil
}
