package etcd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewestLogs(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"kube-system_etcd-cp-1_abc/etcd/9.log", "kube-system_etcd-cp-1_abc/etcd/10.log", "kube-system_etcd-cp-1_def/etcd-migrate/0.log", "kube-system_kube-proxy-x_1/kube-proxy/3.log"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{filepath.Join(root, "kube-system_etcd-cp-1_abc/etcd"): 10, filepath.Join(root, "kube-system_etcd-cp-1_def/etcd-migrate"): 0}
	if d := cmp.Diff(want, newest(root)); d != "" {
		t.Error(d)
	}
}

func TestPlainLines(t *testing.T) {
	got := plain([]string{"2026-11-25T19:00:00.1Z stderr F flag provided but not defined: -enable-v2", "not a runtime's line at all"})
	if d := cmp.Diff([]string{"flag provided but not defined: -enable-v2", "not a runtime's line at all"}, got); d != "" {
		t.Error(d)
	}
}
