package staticpod

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const text = `apiVersion: v1
kind: Pod
metadata:
  name: etcd
spec:
  containers:
  - name: etcd
    command: [etcd, --name=cp-1, --data-dir=/var/lib/etcd, --initial-advertise-peer-urls=https://10.0.0.1:2380]
    image: registry.k8s.io/etcd:3.5.21-0
    volumeMounts:
    - {name: data, mountPath: /var/lib/etcd}
  volumes:
  - {name: data, hostPath: {path: /srv/etcd}}
`

// host has a manifest, and a process that runs by it or by another one.
func host(t *testing.T, words ...string) (path, proc string) {
	t.Helper()
	dir := t.TempDir()
	path, proc = filepath.Join(dir, "manifests", "etcd.yaml"), filepath.Join(dir, "proc")
	for name, content := range map[string]string{path: text, filepath.Join(proc, "7", "cmdline"): strings.Join(words, "\x00") + "\x00"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return path, proc
}

func read(t *testing.T, path, proc string) *Pod {
	t.Helper()
	p, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	p.Proc = proc
	return p
}

// TestStopAndStart is killed in between: the next process finds the manifest where the first has put it.
func TestStopAndStart(t *testing.T) {
	path, proc := host(t, "etcd", "--name=other")
	p := read(t, path, proc)
	if p.Name != "cp-1" || p.HostDataDir != "/srv/etcd" {
		t.Errorf("read %q at %q", p.Name, p.HostDataDir)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the kubelet would start it again: %v", err)
	}
	p = read(t, path, proc)
	for range 2 { // what is done already is left
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("it is %q, %v", got, err)
	}
}

func TestStopWaitsForTheProcess(t *testing.T) {
	path, proc := host(t, "etcd", "--name=cp-1", "--data-dir=/var/lib/etcd", "--initial-advertise-peer-urls=https://10.0.0.1:2380")
	p := read(t, path, proc)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); err == nil || !strings.Contains(err.Error(), "process 7") {
		t.Errorf("it runs, and %v", err)
	}
	if err := os.RemoveAll(filepath.Join(proc, "7")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
