package tree

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	piece  = 1 << 20  // bytes that are read at once
	behind = 32 << 20 // bytes that are written before the disk is told to begin with them
)

// CopySum appends what in has to out, and gives its sha256 and length. The sum is made beside the writing, and the disk begins
// before the end, so that a sync afterwards has little left to wait for.
func CopySum(out *os.File, in io.Reader) (sum []byte, n int64, err error) {
	h := sha256.New()
	full, empty, done := make(chan []byte, 2), make(chan []byte, 2), make(chan struct{})
	empty <- make([]byte, piece)
	empty <- make([]byte, piece)
	go func() {
		defer close(done)
		for b := range full {
			h.Write(b)
			empty <- b[:piece]
		}
	}()
	for err == nil {
		b := <-empty
		var size int
		size, err = io.ReadFull(in, b)
		if size == 0 {
			break
		}
		if _, writeErr := out.Write(b[:size]); writeErr != nil {
			err = writeErr
			break
		}
		full <- b[:size]
		if n += int64(size); n%behind == 0 {
			// A file system that cannot do it syncs everything at the end.
			_ = unix.SyncFileRange(int(out.Fd()), n-behind, behind, unix.SYNC_FILE_RANGE_WRITE) //nolint:gosec // a file descriptor is small
		}
	}
	close(full)
	<-done
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, n, fmt.Errorf("copy: %w", err)
	}
	return h.Sum(nil), n, nil
}
