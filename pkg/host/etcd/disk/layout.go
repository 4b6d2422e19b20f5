// Package disk handles the files of a member: where they lie, and how they are copied without reading what need not be read.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Layout is where a member's files lie.
type Layout struct {
	// Member is the folder of both; the log may lie elsewhere.
	Member, Snap, WAL string
}

// Of is the layout of a data directory; wal is empty where the log lies within.
func Of(dataDir, wal string) Layout {
	member := filepath.Join(dataDir, "member")
	l := Layout{Member: member, Snap: filepath.Join(member, "snap"), WAL: filepath.Join(member, "wal")}
	if wal != "" {
		l.WAL = wal
	}
	return l
}

// Make makes the folders.
func (l Layout) Make() error {
	for _, dir := range []string{l.Snap, l.WAL} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make member's folders: %w", err)
		}
	}
	return nil
}

// DB is the database.
func (l Layout) DB() string { return filepath.Join(l.Snap, "db") }

// Size is what snapshots and log take, in bytes, without the database.
func (l Layout) Size() (uint64, error) {
	var sum uint64
	for dir, pattern := range map[string]string{l.Snap: "*.snap", l.WAL: "*.wal"} {
		files, err := list(dir, pattern)
		if err != nil {
			return 0, err
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if errors.Is(err, fs.ErrNotExist) {
				continue // etcd removes old ones meanwhile
			}
			if err != nil {
				return 0, fmt.Errorf("measure member: %w", err)
			}
			sum += uint64(info.Size()) //nolint:gosec // sizes are positive
		}
	}
	return sum, nil
}

// Link makes links to the files of a folder in another, or copies where the two lie on different file systems. What is there already is left,
// and what etcd has removed meanwhile is left out.
func Link(from, to, pattern string) error {
	files, err := list(from, pattern)
	if err != nil {
		return err
	}
	for _, f := range files {
		target := filepath.Join(to, filepath.Base(f))
		err := os.Link(f, target)
		switch {
		case err == nil, errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
			continue
		}
		if err := Copy(f, target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// list gives the files of a folder in the order of their names, which is that of their age.
func list(dir, pattern string) ([]string, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("list member's files: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	slices.Sort(files)
	return files, err
}

// Logs lists the files of the log, the newest last, which is the only one that etcd writes to.
func (l Layout) Logs() ([]string, error) { return list(l.WAL, "*.wal") }
