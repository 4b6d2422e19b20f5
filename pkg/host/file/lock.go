package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// retry is how often a lock that another process holds is tried again; flock itself cannot be cancelled.
const retry = 200 * time.Millisecond

// Lock takes an exclusive lock on a file, writes holder into it and returns what releases it.
// While another process has the lock, waiting is called whenever the holder that is written there changes.
// The kernel drops the lock when the process ends, however it ends.
func Lock(ctx context.Context, path, holder string, waiting func(holder string)) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for last := "\x00"; ; {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if b, rerr := os.ReadFile(path); rerr == nil && string(b) != last {
			last = string(b)
			waiting(strings.TrimSpace(last))
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-tick.C:
		}
	}
	// The holder is for people who wait: failing to write it does not break the lock.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(holder+"\n"), 0)
	}
	return func() { f.Close() }, nil
}
