// Package tree copies and measures directories, and makes sure that they are on disk.
package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Copy copies a directory with owners and modes. Where the file system can, the files share their blocks until one
// of them is written.
func Copy(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		info, err := d.Info()
		if err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			err = os.MkdirAll(target, info.Mode().Perm()|0o700)
		case info.Mode().IsRegular():
			err = copyFile(path, target, info.Mode().Perm())
		default:
			err = errors.New("neither a file nor a directory")
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		return own(target, info)
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil { //nolint:gosec // file descriptors are small
		return out.Close()
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// Own gives every file of a directory the owner of another: the server will run as that one.
func Own(dir, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return fmt.Errorf("find owner: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("change owner: %w", err)
		}
		return own(path, info)
	})
}

// OwnOnly does the same for the paths alone.
func OwnOnly(like string, paths ...string) error {
	info, err := os.Stat(like)
	if err != nil {
		return fmt.Errorf("find owner: %w", err)
	}
	for _, path := range paths {
		if err := own(path, info); err != nil {
			return err
		}
	}
	return nil
}

func own(path string, like fs.FileInfo) error {
	var have, want unix.Stat_t
	if err := unix.Lstat(path, &have); err != nil {
		return fmt.Errorf("change owner of %s: %w", path, err)
	}
	if !sysOwner(like, &want) || have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	if err := os.Lchown(path, int(want.Uid), int(want.Gid)); err != nil {
		return fmt.Errorf("change owner: %w", err)
	}
	return nil
}

// Sync puts every file and directory on disk, the deepest first.
func Sync(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			err = Sync(path)
		} else {
			err = SyncFile(path)
		}
		if err != nil {
			return err
		}
	}
	return SyncFile(dir)
}

// SyncFile puts one file, or the names in one directory, on disk.
func SyncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// Free is the space that this process can still use where path lies.
func Free(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("measure free space of %s: %w", path, err)
	}
	return int64(s.Bavail) * s.Bsize, nil //nolint:gosec // no disk is that large
}
