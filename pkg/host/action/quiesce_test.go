package action

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSameCommand(t *testing.T) {
	want := []string{"kube-apiserver", "--advertise-address=10.0.0.1", "--secure-port=6443"}
	for raw, same := range map[string]bool{
		"kube-apiserver\x00--advertise-address=10.0.0.1\x00--secure-port=6443\x00": true,
		"kube-apiserver\x00--advertise-address=10.0.0.2\x00--secure-port=6443\x00": false, // that of a cluster within this host
		"kube-apiserver\x00": false,
		"":                   false, // a kernel thread, or a process that has ended
	} {
		if got := sameCommand([]byte(raw), want); got != same {
			t.Errorf("sameCommand(%q) = %t", raw, got)
		}
	}
}

func TestReplacedManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etcd.yaml")
	write := func() os.FileInfo {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte("etcd"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	before := write()
	ctx, cancel := context.WithTimeout(t.Context(), 5*manifestLook)
	defer cancel()
	if replaced(ctx, path, before) {
		t.Error("an untouched manifest counts as replaced")
	}
	began := time.Now()
	after := make(chan bool)
	go func() { after <- replaced(t.Context(), path, before) }()
	write()
	if !<-after || time.Since(began) > time.Minute {
		t.Error("a replaced manifest is not noticed")
	}
}
