package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func offerFile(ctx context.Context, a hostaction.OfferFile, env Env) (any, error) {
	out, err := offer(ctx, a.Path, env.Work.Offered(""))
	if err != nil {
		return nil, fmt.Errorf("offer %s: %w", a.Path, err)
	}
	fmt.Fprintf(env.Log, "%s: %d bytes, sha256 %s\n", a.Path, out.Size, out.SHA256)
	return out, nil
}

func offer(ctx context.Context, path, dir string) (hostaction.Offered, error) {
	var out hostaction.Offered
	f, err := os.Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return out, errors.Join(err, errors.New("it is no regular file"))
	}
	sum := sha256.New()
	if out.Size, err = io.Copy(sum, reader{ctx, f}); err != nil {
		return out, err
	}
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	out.Name = out.SHA256
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return out, err
	}
	to := filepath.Join(dir, out.Name)
	if info, err := os.Stat(to); err == nil && info.Size() == out.Size {
		return out, nil
	}
	if err := os.Link(path, to); !errors.Is(err, syscall.EXDEV) {
		return out, err
	}
	return out, copyFile(ctx, f, to)
}

// copyFile copies under another name first, so that what has the name is whole.
func copyFile(ctx context.Context, f *os.File, to string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	part, err := os.OpenFile(to+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(part, reader{ctx, f})
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	return os.Rename(to+".part", to)
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
