package staticpod

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestSameCommand(t *testing.T) {
	want := []string{"kube-apiserver", "--advertise-address=10.0.0.1", "--secure-port=6443"}
	for raw, same := range map[string]bool{
		"kube-apiserver\x00--advertise-address=10.0.0.1\x00--secure-port=6443\x00": true,
		"kube-apiserver\x00--advertise-address=10.0.0.2\x00--secure-port=6443\x00": false, // that of a cluster within this host
		"kube-apiserver\x00": false,
		"":                   false, // a kernel thread, or a process that has ended
	} {
		if got := slices.Equal(Words([]byte(raw)), want); got != same {
			t.Errorf("is %q the command = %t", raw, got)
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
	if replaced(path, before) {
		t.Error("an untouched manifest counts as replaced")
	}
	if write(); !replaced(path, before) {
		t.Error("another file in its place is not noticed")
	}
	if os.Remove(path); !replaced(path, before) {
		t.Error("a missing file is not noticed")
	}
}

func TestProcess(t *testing.T) {
	sleeper := exec.CommandContext(t.Context(), "cat")
	if _, err := sleeper.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	p, other := Process{sleeper.Process.Pid, []string{"cat"}}, Process{sleeper.Process.Pid, []string{"cat", "/etc/motd"}}
	if !p.Runs() || other.Runs() {
		t.Errorf("runs: %t, and as another command: %t", p.Runs(), other.Runs())
	}
	if err := other.Signal(syscall.SIGKILL); err != nil || !p.Runs() {
		t.Errorf("a process of another command was killed for its number: %v", err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Wait(); err == nil {
		t.Error("it ended by itself")
	}
	if err := p.Signal(syscall.SIGKILL); p.Runs() || err != nil {
		t.Errorf("after its end: runs %t, signal %v", p.Runs(), err)
	}
}
