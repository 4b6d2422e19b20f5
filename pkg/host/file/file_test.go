package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceLeavesTheOldFileWhenFillingFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Write(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("disk full")
	if err := Replace(path, func(f *os.File) error { _, _ = f.WriteString("ne"); return boom }); !errors.Is(err, boom) {
		t.Errorf("err = %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "old" {
		t.Errorf("content = %q, %v", b, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestLockWaitsAndNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), path, "first", func(string) { t.Error("nobody has it") })
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	got := make(chan error, 1)
	go func() {
		u, err := Lock(context.Background(), path, "second", func(h string) { heard <- h })
		if err == nil {
			u()
		}
		got <- err
	}()
	if h := <-heard; h != "first" {
		t.Errorf("holder = %q", h)
	}
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	hold, err := Lock(t.Context(), path, "third", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer hold()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	if _, err := Lock(ctx, path, "fourth", func(string) { cancel(stop) }); !errors.Is(err, stop) {
		t.Errorf("cancelled: %v", err)
	}
}
