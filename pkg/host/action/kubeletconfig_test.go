package action

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func TestWithEndpoint(t *testing.T) {
	const line = "containerRuntimeEndpoint: unix:///run/crio/crio.sock\n"
	for in, want := range map[string]string{
		"a: b\ncontainerRuntimeEndpoint: \"\"\nc: d\n": "a: b\n" + line + "c: d\n",
		"a: b\n": "a: b\n" + line,
		"a: b":   "a: b\n" + line,
	} {
		if got := string(withEndpoint([]byte(in), "unix:///run/crio/crio.sock")); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestBackupsAreInOrder(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		"kubeadm-kubelet-config-2026-11-24/config.yaml": 1, "kubeadm-kubelet-config77/config.yaml": 3, "kubeadm-kubelet-env5/kubeadm-flags.env": 2, "kubeadm-backup-etcd/config.yaml": 4,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	got, err := backups(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range got {
		names = append(names, filepath.Base(filepath.Dir(b.Path)))
	}
	if s := strings.Join(names, " "); s != "kubeadm-kubelet-config77 kubeadm-kubelet-env5 kubeadm-kubelet-config-2026-11-24" {
		t.Error(s)
	}
}

func TestRestoreTakesOnlyWhatKubeadmKeeps(t *testing.T) {
	for _, path := range []string{"/etc/shadow", keptDir + "/../../shadow", "config.yaml", ""} {
		_, err := restoreKubeletConfig(t.Context(), hostaction.RestoreKubeletConfig{Config: path}, Env{Work: workdir.Dir(t.TempDir())})
		if err == nil {
			t.Errorf("%q was taken", path)
		}
	}
}
