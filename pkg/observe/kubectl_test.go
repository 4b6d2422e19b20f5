package observe

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
)

// TestKubectl puts programs on the PATH that answer as kubectl does, wrongly, or not at all.
func TestKubectl(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"a release", `[ "$*" = "version --client -o json" ] || exit 9
echo '{"clientVersion":{"major":"1","minor":"32","gitVersion":"v1.32.9","platform":"linux/amd64"},"kustomizeVersion":"v5.5.0"}'`, "v1.32.9"},
		{"a distribution's", `echo '{"clientVersion":{"gitVersion":"v1.30.5+k3s1"}}'`, "v1.30.5"},
		{"one that fails", `echo '{"clientVersion":{"gitVersion":"v1.32.9"}}'; exit 1`, ""},
		{"another program", `echo hello`, ""},
		{"no version", `echo '{"clientVersion":{"gitVersion":"v0.0.0-master+abc"}}'`, ""},
		{"one that takes another for each server", `echo '{"clientVersion":{"gitVersion":"v1.32.4-dispatcher"}}'`, ""},
		{"none", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := kubectlOnPath(t, tt.script)
			got := Kubectl(t.Context())
			switch {
			case tt.want == "" && got != nil:
				t.Errorf("got %+v, want nothing", got)
			case tt.want != "" && (got == nil || got.Version.String() != tt.want || got.Path != filepath.Join(dir, "kubectl")):
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

// TestRealKubectl: a kubectl as it is released answers in the words that are looked for.
func TestRealKubectl(t *testing.T) {
	program := apiserver.Binary(t, "kubernetes", "kubectl")
	dir := kubectlOnPath(t, "")
	if err := os.Symlink(program, filepath.Join(dir, "kubectl")); err != nil {
		t.Fatal(err)
	}
	// The lab names the folder by the version that it has built.
	if got, want := Kubectl(t.Context()), filepath.Base(filepath.Dir(program)); got == nil || got.Version.String() != want {
		t.Errorf("got %+v, want %s", got, want)
	}
}

// TestKubectlThatHangs: neither it nor what it has started keeps an upgrade waiting.
func TestKubectlThatHangs(t *testing.T) {
	kubectlOnPath(t, "/bin/sleep 60 & /bin/sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if got := Kubectl(ctx); got != nil {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

// kubectlOnPath makes a folder the whole PATH, with a script in it that is called kubectl, unless it is empty.
func kubectlOnPath(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}
