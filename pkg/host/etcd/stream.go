package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// stream writes the member's database to a file, with its sum as the last 32 bytes, and gives the sum of the whole file. The file is on disk then.
func (h Host) stream(ctx context.Context, a hostaction.EtcdAccess, path string) (size int64, sum string, err error) {
	c, err := ask.New(a)
	if err != nil {
		return 0, "", err
	}
	v3, err := c.Dial(a.Endpoints[0])
	if err != nil {
		return 0, "", err
	}
	defer v3.Close()
	in, err := v3.Snapshot(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("take snapshot from %s: %w", a.Endpoints[0], err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return 0, "", fmt.Errorf("take snapshot: %w", err)
	}
	defer out.Close()
	whole := sha256.New()
	if size, err = io.Copy(io.MultiWriter(out, whole), in); err != nil {
		return 0, "", fmt.Errorf("take snapshot from %s: %w", a.Endpoints[0], err)
	}
	if err := out.Sync(); err != nil {
		return 0, "", fmt.Errorf("write snapshot: %w", err)
	}
	// A stream that broke off looks like one that ended: only the sum tells.
	if err := checkSum(out, size); err != nil {
		return 0, "", fmt.Errorf("check snapshot from %s: %w", a.Endpoints[0], err)
	}
	return size, hex.EncodeToString(whole.Sum(nil)), out.Close()
}

// checkSum compares what a snapshot ends in with what comes before it.
func checkSum(f io.ReaderAt, size int64) error {
	if size%512 != sha256.Size {
		return errors.New("it does not end in a sum: it was cut off")
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size-sha256.Size)); err != nil {
		return err
	}
	last := make([]byte, sha256.Size)
	if _, err := f.ReadAt(last, size-sha256.Size); err != nil {
		return err
	}
	if have := h.Sum(nil); string(have) != string(last) {
		return fmt.Errorf("its sum is %x, and it says %x", have, last)
	}
	return nil
}

// streamDatabase is stream without the sum, as the file lies in a data directory.
func (h Host) streamDatabase(ctx context.Context, a hostaction.EtcdAccess, path string) error {
	size, _, err := h.stream(ctx, a, path)
	if err != nil {
		return err
	}
	if err := os.Truncate(path, size-sha256.Size); err != nil {
		return fmt.Errorf("write database: %w", err)
	}
	return nil
}

// innerSum reads the sum that a snapshot ends in, which is of everything before it.
func innerSum(path string, size int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read snapshot: %w", err)
	}
	defer f.Close()
	sum := make([]byte, sha256.Size)
	if _, err := f.ReadAt(sum, size-sha256.Size); err != nil {
		return "", fmt.Errorf("read snapshot: %w", err)
	}
	return hex.EncodeToString(sum), nil
}
