// Package swap puts a member that was prepared beside another in its place, so that a crash at any instant leaves either
// the one or the other, and the way on is found by looking.
//
//	member                      what etcd starts on
//	.etcd-migrate
//	    journal.json            what is going on
//	    work
//	        member              what is being prepared
//	    generations/0001/member what was there before, the oldest first
//
// All of it is in the data directory, and on its file system. That itself is often a mount point, which cannot be renamed.
package swap

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// Journal is what the next process needs to know after a crash.
type Journal struct {
	// Ready says that the prepared member is whole and on disk. Until then the original has not been touched.
	Ready bool `json:"ready"`
	// Generation is the number under which the original is kept.
	Generation int `json:"generation"`
	// Version is what version.txt says afterwards, and Before what it said.
	Version string `json:"version"`
	Before  string `json:"before"`
}

// infoFile lies beside the member of a generation, and is the journal of the swap in which it came there.
const infoFile = "info.json"

// Work is the place beside a member.
type Work struct{ dir datadir.Dir }

// At is the place beside the member of a data directory.
func At(dir datadir.Dir) Work { return Work{dir} }

func (w Work) state(parts ...string) string {
	return filepath.Join(append([]string{string(w.dir), datadir.StateDir}, parts...)...)
}

func (w Work) journal() string { return w.state("journal.json") }

// Dir is the data directory in which the new member is prepared.
func (w Work) Dir() datadir.Dir { return datadir.Dir(w.state("work")) }

func (w Work) generation(n int) string { return w.state("generations", fmt.Sprintf("%04d", n)) }

// Recover ends what a crash has interrupted: a swap that had begun is completed, anything before is thrown away.
// It says what it did, or nothing.
func (w Work) Recover() (string, error) {
	data, err := os.ReadFile(w.journal())
	switch {
	case errors.Is(err, os.ErrNotExist):
		if !exists(string(w.Dir())) {
			return "", nil
		}
		data = []byte("{}") // it was interrupted before it could say what it does
	case err != nil:
		return "", fmt.Errorf("read journal: %w", err)
	}
	var j Journal
	if err := json.Unmarshal(data, &j); err != nil {
		return "", fmt.Errorf("read journal: %w", err)
	}
	if j.Ready {
		return "completed the swap that was interrupted", w.complete(j)
	}
	if err := w.Discard(); err != nil {
		return "", err
	}
	return "threw away the work that was interrupted", nil
}

// Prepare lets fill make the new member in an empty place, which is empty again when that fails.
func (w Work) Prepare(fill func(datadir.Dir) error) error {
	if err := w.Discard(); err != nil {
		return err
	}
	if err := os.MkdirAll(string(w.Dir()), 0o700); err != nil {
		return fmt.Errorf("create work directory: %w", err)
	}
	if err := fill(w.Dir()); err != nil {
		return errors.Join(err, w.Discard())
	}
	return nil
}

// Discard removes the work. The journal goes first: without it the work means nothing.
func (w Work) Discard() error {
	if err := os.Remove(w.journal()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove journal: %w", err)
	}
	if err := os.RemoveAll(string(w.Dir())); err != nil {
		return fmt.Errorf("remove work directory: %w", err)
	}
	return nil
}

// Commit puts the prepared member in place and returns the number under which the original is kept.
func (w Work) Commit(version, before string) (int, error) {
	like := w.dir.Member()
	if !exists(like) {
		like = string(w.dir)
	}
	if err := tree.Own(string(w.Dir()), like); err != nil {
		return 0, err
	}
	if err := tree.Sync(string(w.Dir())); err != nil {
		return 0, err
	}
	numbers, err := w.Generations()
	if err != nil {
		return 0, err
	}
	j := Journal{Ready: true, Generation: 1, Version: version, Before: before}
	if n := len(numbers); n > 0 {
		j.Generation = numbers[n-1] + 1
	}
	if err := os.MkdirAll(w.generation(j.Generation), 0o700); err != nil {
		return 0, fmt.Errorf("create generation: %w", err)
	}
	data, err := json.Marshal(j)
	if err != nil {
		return 0, fmt.Errorf("write journal: %w", err)
	}
	for _, name := range []string{filepath.Join(w.generation(j.Generation), infoFile), w.journal()} {
		if err := writeFile(name, data); err != nil {
			return 0, err
		}
	}
	return j.Generation, w.complete(j)
}

// complete does what is left of a swap.
func (w Work) complete(j Journal) error {
	current, work, kept := w.dir.Member(), w.Dir().Member(), filepath.Join(w.generation(j.Generation), "member")
	if exists(work) {
		if exists(current) {
			if exists(kept) {
				return fmt.Errorf("swap: both %s and %s are there", current, kept)
			}
			if err := rename(current, kept); err != nil {
				return err
			}
		}
		if err := rename(work, current); err != nil {
			return err
		}
	}
	if !exists(current) {
		return fmt.Errorf("swap: %s is gone, and so is what was prepared; the original is in %s", current, kept)
	}
	if err := w.dir.WriteVersionFile(j.Version); err != nil {
		return err
	}
	if err := tree.SyncFile(string(w.dir)); err != nil {
		return err
	}
	kept = filepath.Dir(kept)
	if err := tree.OwnOnly(current, w.state(), w.state("generations"), kept, filepath.Join(kept, infoFile), filepath.Join(string(w.dir), datadir.VersionFile)); err != nil {
		return err
	}
	return w.Discard()
}

// Generations lists the numbers of what is kept, the oldest first.
func (w Work) Generations() ([]int, error) {
	entries, err := os.ReadDir(w.state("generations"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err == nil && exists(filepath.Join(w.generation(n), "member")) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Generation gives the directory of a generation, and what version.txt said then.
func (w Work) Generation(n int) (datadir.Dir, string, error) {
	data, err := os.ReadFile(filepath.Join(w.generation(n), infoFile))
	if err != nil {
		return "", "", fmt.Errorf("read generation %d: %w", n, err)
	}
	var j Journal
	if err := json.Unmarshal(data, &j); err != nil {
		return "", "", fmt.Errorf("read generation %d: %w", n, err)
	}
	return datadir.Dir(w.generation(n)), j.Before, nil
}

// Prune removes the oldest generations until keep are left.
func (w Work) Prune(keep int) error {
	numbers, err := w.Generations()
	if err != nil {
		return err
	}
	for len(numbers) > keep {
		if err := os.RemoveAll(w.generation(numbers[0])); err != nil {
			return fmt.Errorf("remove generation %d: %w", numbers[0], err)
		}
		numbers = numbers[1:]
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// rename moves a directory, and does not return before that is on disk at both ends.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	for _, dir := range []string{filepath.Dir(to), filepath.Dir(from)} {
		if err := tree.SyncFile(dir); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file as a whole, and does not return before it is on disk.
func writeFile(path string, data []byte) error {
	tmp := path + ".next"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := tree.SyncFile(tmp); err != nil {
		return err
	}
	return rename(tmp, path)
}
