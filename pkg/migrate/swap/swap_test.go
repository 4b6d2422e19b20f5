package swap

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// prepared is a directory with a new member ready beside the old one.
func prepared(t *testing.T) (datadir.Dir, Work) {
	t.Helper()
	dir := datadir.Dir(t.TempDir())
	w := At(dir)
	write(t, filepath.Join(dir.Member(), "snap", "db"), "old")
	prepare(t, w, "new")
	return dir, w
}

func prepare(t *testing.T, w Work, text string) {
	t.Helper()
	err := w.Prepare(func(to datadir.Dir) error {
		write(t, filepath.Join(to.Member(), "snap", "db"), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPrepareFails(t *testing.T) {
	dir, w := prepared(t)
	cause := errors.New("disk full")
	err := w.Prepare(func(to datadir.Dir) error {
		if exists(to.Member()) {
			t.Error("what was prepared before is still there")
		}
		write(t, filepath.Join(to.Member(), "wal"), "half")
		return cause
	})
	if !errors.Is(err, cause) {
		t.Error(err)
	}
	if exists(string(w.Dir())) || read(t, filepath.Join(dir.Member(), "snap", "db")) != "old" {
		t.Error("the work is left, or the member has changed")
	}
}

func TestCommit(t *testing.T) {
	dir, w := prepared(t)
	n, err := w.Commit("3.6.16/etcd3", "3.5.0/etcd3")
	if err != nil {
		t.Fatal(err)
	}
	old, before, err := w.Generation(n)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir.Member(), "snap", "db")); got != "new" {
		t.Errorf("the member is %q", got)
	}
	if got := read(t, filepath.Join(old.Member(), "snap", "db")); got != "old" || before != "3.5.0/etcd3" {
		t.Errorf("generation %d is %q of %q", n, got, before)
	}
	if got := read(t, filepath.Join(string(dir), "version.txt")); got != "3.6.16/etcd3" {
		t.Errorf("version.txt is %q", got)
	}
	if done, err := w.Recover(); done != "" || err != nil {
		t.Errorf("something was left to do: %s, %v", done, err)
	}
}

// Whatever a crash leaves, there is one whole member afterwards, and the old one is never gone.
func TestRecover(t *testing.T) {
	journal := `{"ready":true,"generation":1,"version":"3.6.16/etcd3"}`
	for name, c := range map[string]struct {
		crash func(t *testing.T, dir datadir.Dir, w Work)
		want  string
	}{
		"before it was ready": {func(*testing.T, datadir.Dir, Work) {}, "old"},
		"before the first rename": {func(t *testing.T, _ datadir.Dir, w Work) {
			t.Helper()
			write(t, w.journal(), journal)
		}, "new"},
		"between the renames": {func(t *testing.T, dir datadir.Dir, w Work) {
			t.Helper()
			write(t, w.journal(), journal)
			if err := os.Rename(dir.Member(), filepath.Join(w.generation(1), "member")); err != nil {
				t.Fatal(err)
			}
		}, "new"},
		"after the second": {func(t *testing.T, dir datadir.Dir, w Work) {
			t.Helper()
			write(t, w.journal(), journal)
			err := errors.Join(os.Rename(dir.Member(), filepath.Join(w.generation(1), "member")), os.Rename(w.Dir().Member(), dir.Member()))
			if err != nil {
				t.Fatal(err)
			}
		}, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, w := prepared(t)
			write(t, filepath.Join(w.generation(1), infoFile), journal)
			c.crash(t, dir, w)
			done, err := w.Recover()
			if err != nil || done == "" {
				t.Fatalf("%q, %v", done, err)
			}
			if got := read(t, filepath.Join(dir.Member(), "snap", "db")); got != c.want {
				t.Errorf("the member is %q", got)
			}
			if c.want == "new" && read(t, filepath.Join(w.generation(1), "member", "snap", "db")) != "old" {
				t.Error("the old member is gone")
			}
			if exists(string(w.Dir())) || exists(w.journal()) {
				t.Error("something of the work is left")
			}
			if done, err := w.Recover(); done != "" || err != nil {
				t.Errorf("a second time: %q, %v", done, err)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	dir, w := prepared(t)
	for range 3 {
		if _, err := w.Commit("v", ""); err != nil {
			t.Fatal(err)
		}
		prepare(t, w, "newer")
	}
	if err := w.Prune(2); err != nil {
		t.Fatal(err)
	}
	numbers, err := w.Generations()
	if err != nil || len(numbers) != 2 || numbers[0] != 2 {
		t.Errorf("%v, %v", numbers, err)
	}
	if !exists(dir.Member()) {
		t.Error("the member is gone")
	}
}
