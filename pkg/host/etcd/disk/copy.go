package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Copy copies a file with its mode and owner, and has it on disk when it returns. Where the file system can, the two share their blocks until one of
// them is written.
func Copy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	// What is there may be a link to the very file that is copied: it must not be emptied.
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	defer out.Close()
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) != nil { //nolint:gosec // file descriptors are small
		if _, err := io.Copy(out, in); err != nil {
			return fmt.Errorf("copy %s to %s: %w", from, to, err)
		}
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := out.Chown(int(s.Uid), int(s.Gid)); err != nil {
			return fmt.Errorf("copy %s to %s: %w", from, to, err)
		}
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return out.Close()
}

// margin is what has to stay free whatever is written: etcd lays out logs of 64 MB in advance.
const margin = 256 << 20

// Room refuses when there is not as much space as is going to be written where dir lies, and a margin besides.
func Room(dir string, need uint64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("measure free space of %s: %w", dir, err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < need+margin { //nolint:gosec // block sizes are positive
		return fmt.Errorf("%s has %d MB free, and %d MB are needed", dir, free>>20, (need+margin)>>20)
	}
	return nil
}

// Sum is the SHA-256 of a file in hexadecimal.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("sum: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("sum %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// TreeSum is a SHA-256 over the names and sums of all files below a folder, and what they take in bytes.
func TreeSum(dir string) (sum string, size int64, err error) {
	h := sha256.New()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s, err := Sum(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		size += info.Size()
		fmt.Fprintf(h, "%s  %s\n", s, rel)
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("sum %s: %w", dir, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// Own gives everything below a folder to UID:GID; nobody is named by an empty owner.
func Own(dir, owner string) error {
	if owner == "" {
		return nil
	}
	uid, gid, err := IDs(owner)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// OwnOnly gives the paths alone to UID:GID.
func OwnOnly(owner string, paths ...string) error {
	if owner == "" {
		return nil
	}
	uid, gid, err := IDs(owner)
	for _, p := range paths {
		if err == nil {
			err = os.Lchown(p, uid, gid)
		}
	}
	return err
}

// IDs reads UID:GID.
func IDs(owner string) (uid, gid int, err error) {
	u, g, ok := strings.Cut(owner, ":")
	if ok {
		if uid, err = strconv.Atoi(u); err == nil {
			gid, err = strconv.Atoi(g)
		}
	}
	if !ok || err != nil {
		return 0, 0, fmt.Errorf("parse owner %q: want UID:GID", owner)
	}
	return uid, gid, nil
}
