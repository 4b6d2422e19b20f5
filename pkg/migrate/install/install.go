// Package install brings programs to a folder, each as a whole or not at all. An image without a shell has no cp, and
// cp would leave half a program where it was killed, or write into one that runs.
package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// Program is a file to bring: to Name, from Path.
type Program struct{ Name, Path string }

// Installed is a program that is there afterwards.
type Installed struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	// Copied is false where the same program was there before.
	Copied bool `json:"copied"`
}

// part begins the names of what is not whole yet.
const part = ".install-"

// Install brings the programs to dir, which is made if need be. What is there with the same sum is left alone; anything
// else of the name is replaced by a rename, which a process that runs from it does not notice. When it returns, all of
// it is on disk. Of two at once, one waits for the other.
func Install(ctx context.Context, dir string, programs []Program) ([]Installed, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	release, err := lock(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := clean(dir); err != nil {
		return nil, err
	}
	var list []Installed
	for _, p := range programs {
		i, err := one(ctx, dir, p)
		if err != nil {
			return nil, fmt.Errorf("install %s: %w", p.Name, err)
		}
		list = append(list, i)
	}
	return list, tree.SyncFile(dir)
}

// lock waits for whoever else installs into the folder. The lock is one of the folder itself and ends with the process.
func lock(ctx context.Context, dir string) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) //nolint:gosec // a file descriptor is small
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for who else installs into %s: %w", dir, ctx.Err())
		case <-tick.C:
		}
	}
}

// clean removes what a killed process has left.
func clean(dir string) error {
	left, err := filepath.Glob(filepath.Join(escape(dir), part+"*"))
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove what an earlier run has left: %w", err)
		}
	}
	return nil
}

// escape takes the meaning from what Glob would take for a pattern.
func escape(dir string) string {
	var out []byte
	for i := range len(dir) {
		switch dir[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, dir[i])
	}
	return string(out)
}

func one(ctx context.Context, dir string, p Program) (Installed, error) {
	i := Installed{Name: p.Name}
	var err error
	if i.SHA256, i.Size, err = sum(p.Path); err != nil {
		return i, err
	}
	target := filepath.Join(dir, p.Name)
	if same(target, i.SHA256) {
		return i, nil
	}
	if err := ctx.Err(); err != nil {
		return i, err
	}
	i.Copied = true
	return i, replace(p.Path, target, i.SHA256)
}

// same says whether the program is there: its bytes in a file of its own that everybody may run.
func same(path, want string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != mode {
		return false
	}
	have, _, err := sum(path)
	return err == nil && have == want
}

const mode = 0o755

func replace(from, to, want string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), part+"*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // it is gone when all went well
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	if err == nil && hex.EncodeToString(h.Sum(nil)) != want {
		err = errors.New("it changed while it was read")
	}
	if err == nil {
		err = out.Chmod(mode)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}

func sum(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
