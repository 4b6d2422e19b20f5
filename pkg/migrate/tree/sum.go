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
	sum, n, err = beside(in, func(b []byte, at int64) error {
		if _, err := out.Write(b); err != nil {
			return err
		}
		if end := at + int64(len(b)); end%behind == 0 {
			// A file system that cannot do it syncs everything at the end.
			_ = unix.SyncFileRange(int(out.Fd()), end-behind, behind, unix.SYNC_FILE_RANGE_WRITE) //nolint:gosec // a file descriptor is small
		}
		return nil
	})
	if err != nil {
		return nil, n, fmt.Errorf("copy: %w", err)
	}
	return sum, n, nil
}

// Sum gives the sha256 and the length of what in has, read ahead of the sum.
func Sum(in io.Reader) (sum []byte, n int64, err error) {
	return beside(in, func([]byte, int64) error { return nil })
}

// beside makes the sum of a piece while the next one is read, and taken by to, which is told where it begins.
func beside(in io.Reader, to func(b []byte, at int64) error) (sum []byte, n int64, err error) {
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
		if taken := to(b[:size], n); taken != nil {
			err = taken
			break
		}
		full <- b[:size]
		n += int64(size)
	}
	close(full)
	<-done
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, n, err
	}
	return h.Sum(nil), n, nil
}
