// Package file holds the two things that make files on the host safe against crashes and company: atomic replacement and locks.
package file

import (
	"fmt"
	"os"
	"path/filepath"
)

// Write replaces a file so that after a crash at any instant either the old or the new content is there, and never a part of it.
func Write(path string, content []byte, mode os.FileMode) error {
	return Replace(path, func(f *os.File) error {
		if _, err := f.Write(content); err != nil {
			return err
		}
		return f.Chmod(mode)
	})
}

// Replace is Write for content that fill produces; fill also sets mode and owner, which start as 0600 and the caller.
func Replace(path string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already when the rename succeeded
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes renames and removals in a directory durable: fsync of the file alone does not (fsync(2)).
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
