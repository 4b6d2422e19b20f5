package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"golang.org/x/sys/unix"
)

// ErrInUse is returned for a directory that another process works on.
var ErrInUse = errors.New("data directory is in use")

// Lock keeps etcd and others like this process away from the directory until release is called.
// Servers hold a lock on the newest file of their log: 2.x with flock(2), later ones with an open file description lock.
// Where nothing else has to stay in it, the folder of the lock goes away at the end.
func (d Dir) Lock() (release func(), err error) {
	var held []*os.File
	own := filepath.Join(string(d), StateDir, lockName)
	closeAll := func() {
		if len(held) > 0 {
			_ = os.Remove(own)               // whoever waits for it looks whether it is still there
			_ = os.Remove(filepath.Dir(own)) // it may be needed
		}
		for _, f := range held {
			f.Close()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		return nil, fmt.Errorf("lock %s: %w", d, err)
	}
	logs, err := filepath.Glob(filepath.Join(d.WAL(), "*.wal"))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", d, err)
	}
	for _, path := range append([]string{own}, logs...) {
		f, err := lockFile(path)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", d, err)
		}
		held = append(held, f)
	}
	// The database is read in the meantime, with a lock of its own: here it is enough that nobody else has it.
	if _, err := os.Stat(d.DB()); err == nil {
		f, err := lockFile(d.DB())
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", d, err)
		}
		f.Close()
	}
	return closeAll, nil
}

// lockName is the file of ours that is locked beside etcd's own.
const lockName = "lock"

// inUse says who may hold a file, and what to do about it.
func inUse(path string) error {
	todo := "end etcd first: take its manifest out of /etc/kubernetes/manifests, or systemctl stop etcd"
	if filepath.Base(path) == lockName {
		todo = "another etcd-migrate works on it: wait for its end"
	}
	return fmt.Errorf("%w: another process holds %s: %s", ErrInUse, filepath.Base(path), todo)
}

func lockFile(path string) (*os.File, error) {
	f, err := fileutil.TryLockFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, inUse(path)
	}
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) //nolint:gosec // a file descriptor is small
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, inUse(path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if !same(f.File, path) {
		f.Close()
		return nil, fmt.Errorf("%w: another process has just left %s", ErrInUse, filepath.Base(path))
	}
	return f.File, nil
}

// same says whether the file is still what the path names.
func same(f *os.File, path string) bool {
	have, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(have, named)
}
