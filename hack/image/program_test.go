package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/etcd/release"
)

// TestSameSourcesSameProgram builds from two folders, as hack/images.sh does, and wants the same bytes: the image's digest is no
// more reproducible than what is in it.
func TestSameSourcesSameProgram(t *testing.T) {
	other := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"cmd", "pkg"} {
		if err := os.CopyFS(filepath.Join(other, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sums := map[string]bool{}
	for _, dir := range []string{root, other} {
		out := filepath.Join(t.TempDir(), "program")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./cmd/etcd-migrate")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build in %s: %v\n%s", dir, err, text)
		}
		s, err := release.Sum(out)
		if err != nil {
			t.Fatal(err)
		}
		sums[s] = true
	}
	if len(sums) != 1 {
		t.Errorf("the same sources have become %d programs: %v", len(sums), keys(sums))
	}
}
