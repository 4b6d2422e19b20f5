package etcd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResumption(t *testing.T) {
	dir := t.TempDir()
	r := resumption{dir: dir, command: []string{"/var/lib/kubectl-upgrade/bin/host-agent", "run", "--dir", `/var/lib/kubectl-upgrade/run/etcd\x2drestore-100%`}}
	for range 2 { // as by a run that was cut short
		if err := r.keep(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "multi-user.target.wants", resumeUnit))
	if err != nil {
		t.Fatal(err)
	}
	want := `ExecStart="/var/lib/kubectl-upgrade/bin/host-agent" "run" "--dir" "/var/lib/kubectl-upgrade/run/etcd\\x2drestore-100%%"` + "\n"
	if !strings.Contains(string(text), want) {
		t.Errorf("%s\nhas no %s", text, want)
	}
	for range 2 {
		if err := r.drop(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", "kubectl*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := (resumption{dir: filepath.Join(dir, "none")}).keep(); err != nil {
		t.Errorf("nothing is to be kept: %v", err)
	}
}
