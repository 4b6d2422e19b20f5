package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstall(t *testing.T) {
	from := t.TempDir()
	programs := []Program{{"etcd-1", write(t, filepath.Join(from, "a"), "one")}, {"etcd-2", write(t, filepath.Join(from, "b"), "two")}}
	dir := filepath.Join(t.TempDir(), "opt", "[etcd]*")
	copied := func() (names []string) {
		t.Helper()
		list, err := Install(t.Context(), dir, programs)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			if i.Copied {
				names = append(names, i.Name)
			}
			if data, err := os.ReadFile(filepath.Join(dir, i.Name)); err != nil || int64(len(data)) != i.Size || len(i.SHA256) != 64 {
				t.Errorf("%+v: %q, %v", i, data, err)
			}
			if info, err := os.Stat(filepath.Join(dir, i.Name)); err != nil || info.Mode() != 0o755 {
				t.Errorf("%s: %v, %v", i.Name, info.Mode(), err)
			}
		}
		return names
	}
	if got := copied(); len(got) != 2 {
		t.Errorf("first: %v", got)
	}
	before, err := os.Stat(filepath.Join(dir, "etcd-2"))
	if err != nil {
		t.Fatal(err)
	}
	running, err := os.Open(filepath.Join(dir, "etcd-1"))
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	write(t, filepath.Join(dir, "etcd-1"), "half") // of a copy that was cut off
	write(t, filepath.Join(dir, part+"left"), "of a killed run")
	if got := copied(); len(got) != 1 || got[0] != "etcd-1" {
		t.Errorf("after one was broken: %v", got)
	}
	if after, err := os.Stat(filepath.Join(dir, "etcd-2")); err != nil || !os.SameFile(before, after) || after.ModTime() != before.ModTime() {
		t.Errorf("what was there is another file now: %v", err)
	}
	var text [4]byte
	if _, err := running.Read(text[:]); err != nil || string(text[:]) != "half" {
		t.Errorf("the file that was open was written into: %q, %v", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
	if err := os.Chmod(filepath.Join(dir, "etcd-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := copied(); len(got) != 1 {
		t.Errorf("after one could not be run any more: %v", got)
	}
}

// TestLinks wants a program where a link is: who wrote the link may write what it leads to.
func TestLinks(t *testing.T) {
	dir, outside := t.TempDir(), write(t, filepath.Join(t.TempDir(), "x"), "outside")
	if err := os.Symlink(outside, filepath.Join(dir, "etcd-1")); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), dir, []Program{{"etcd-1", write(t, filepath.Join(t.TempDir(), "a"), "one")}}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "outside" {
		t.Errorf("behind the link is %q, %v", data, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "etcd-1")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("there is %v, %v", info.Mode(), err)
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := Install(t.Context(), dir, []Program{{"etcd-1", filepath.Join(dir, "none")}})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "install etcd-1") {
		t.Errorf("err = %v", err)
	}
}

// TestTwoAtOnce waits for the other, and gives up when it is told to.
func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	programs := []Program{{"etcd-1", write(t, filepath.Join(t.TempDir(), "a"), "one")}}
	other, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, err := Install(ctx, dir, programs); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside another: %v", err)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), dir, programs); err != nil {
		t.Error(err)
	}
}
