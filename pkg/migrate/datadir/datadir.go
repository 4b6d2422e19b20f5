// Package datadir says what lies in a member's data directory, from its bytes alone.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Dir is a data directory as etcd's --data-dir names it.
type Dir string

// ErrNotData is returned for a directory that holds something else.
var ErrNotData = errors.New("not an etcd data directory")

// Member is where everything of the member lies.
func (d Dir) Member() string { return filepath.Join(string(d), "member") }

// WAL is where the log lies.
func (d Dir) WAL() string { return filepath.Join(d.Member(), "wal") }

// Snap is where snapshots lie, and the database.
func (d Dir) Snap() string { return filepath.Join(d.Member(), "snap") }

// DB is the database of the v3 API. A 2.x member has none.
func (d Dir) DB() string { return filepath.Join(d.Snap(), "db") }

// ours are the names in the directory that this project puts there.
func ours(name string) bool {
	return name == VersionFile || name == VersionFile+"-next" || name == StateDir || name == "lost+found"
}

// StateDir is where the work goes on beside the member, on the same file system.
const StateDir = ".etcd-migrate"

// Empty says whether there is nothing of a member in the directory. A directory that is not empty and has no member
// in it is not one of etcd's.
func (d Dir) Empty() (bool, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return false, fmt.Errorf("read data directory: %w", err)
	}
	foreign := ""
	for _, e := range entries {
		switch {
		case e.Name() == "member":
			return false, nil
		case !ours(e.Name()):
			foreign = e.Name()
		}
	}
	if foreign != "" {
		return false, fmt.Errorf("read %s: %w: there is %q in it, and no \"member\"", d, ErrNotData, foreign)
	}
	return true, nil
}

// checkLayout finds what cannot be worked on.
func (d Dir) checkLayout() error {
	for _, path := range []string{d.WAL(), d.Snap()} {
		info, err := os.Lstat(path)
		if err != nil {
			return fmt.Errorf("read %s: %w: %w", d, ErrNotData, err)
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return fmt.Errorf("read %s: %s is a link; put the member in one place first", d, path)
		}
		if !info.IsDir() {
			return fmt.Errorf("read %s: %w: %s is no directory", d, ErrNotData, path)
		}
	}
	return nil
}

// Size is the space that the member takes on disk.
func (d Dir) Size() (int64, error) {
	var sum int64
	err := filepath.Walk(d.Member(), func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure data directory: %w", err)
	}
	return sum, nil
}
