package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
)

// copyIn copies a file to its place in the bundle and completes what the manifest says of it.
func (p *packer) copyIn(ctx context.Context, from string, f *bundle.File) error {
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	defer src.Close()
	return p.create(f, func(w io.Writer) error {
		_, err := io.Copy(w, interruptible{ctx, src})
		return err
	})
}

// create writes a file of the bundle and sums up what was written.
func (p *packer) create(f *bundle.File, fill func(io.Writer) error) error {
	path := filepath.Join(p.out, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	sum := sha256.New()
	n := &counter{}
	err = fill(io.MultiWriter(dst, sum, n))
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("make bundle: write %s: %w", f.Path, err)
	}
	f.Size, f.SHA256 = n.bytes, hex.EncodeToString(sum.Sum(nil))
	return nil
}

type counter struct{ bytes int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.bytes += int64(len(b))
	return len(b), nil
}

// interruptible ends a long copy when the user gives up.
type interruptible struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it
	r   io.Reader
}

func (i interruptible) Read(b []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(b)
}
