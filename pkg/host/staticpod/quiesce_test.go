package staticpod

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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

func TestAnnouncedManifest(t *testing.T) {
	const old, next = "spec: {containers: [{name: etcd, image: 'etcd:3.5.24-0'}]}\n", "spec: {containers: [{name: etcd, image: 'etcd:3.6.5-0'}]}\n"
	dir := t.TempDir()
	now, pattern := filepath.Join(dir, "etcd.yaml"), filepath.Join(dir, "kubeadm-upgraded-manifests*", "etcd.yaml")
	temporary := filepath.Join(dir, "kubeadm-upgraded-manifests42", "etcd.yaml")
	if err := os.Mkdir(filepath.Dir(temporary), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(now, old)
	if announced(pattern, now, time.Time{}) {
		t.Error("without a new manifest")
	}
	for text, want := range map[string]bool{
		next:                true,
		"# kubeadm\n" + old: false, // it says the same: kubeadm leaves etcd alone
		next[:20]:           false, // kubeadm writes it just now
		"":                  false,
	} {
		if write(temporary, text); announced(pattern, now, time.Time{}) != want {
			t.Errorf("%q announces another etcd: %t", text, !want)
		}
	}
	if write(temporary, next); announced(pattern, now, time.Now().Add(time.Hour)) {
		t.Error("that of an earlier run counts")
	}
}

// TestLeave has a server that neither closes its port nor ends when it is asked to: it is waited for no longer than a second, and killed in the end.
func TestLeave(t *testing.T) {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	command := []string{"sh", "-c", "trap '' TERM; read word; echo $word; read never"}
	server := start(t, command...)
	var log strings.Builder
	l := &leaver{log: &log, server: Process{server.Process.Pid, command}, address: port.Addr().String()}
	l.finish(t.Context())
	if !l.server.Runs() {
		t.Fatal("a server that was not asked to leave was killed")
	}
	l.leave(t.Context())
	if l.leave(t.Context()); !l.server.Runs() || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("asked to leave: runs %t, log %q", l.server.Runs(), log.String())
	}
	l.finish(t.Context())
	if err := server.Wait(); err == nil || l.server.Runs() {
		t.Errorf("it goes on: %v", err)
	}
}

func TestProcess(t *testing.T) {
	sleeper := start(t, "cat")
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

func TestContainer(t *testing.T) {
	const outer, inner = "1111111111111111111111111111111111111111111111111111111111111111", "2222222222222222222222222222222222222222222222222222222222222222"
	for groups, want := range map[string]string{
		"0::/kubelet.slice/kubelet-kubepods.slice/cri-containerd-" + inner + ".scope\n":                            inner,
		"0::/docker/" + outer + "/kubepods/burstable/poda1/" + inner + "\n":                                        inner,
		"12:pids:/kubepods/burstable/poda1/crio-" + inner + "\n1:name=systemd:/kubepods/burstable/" + inner + "\n": inner,
		"0::/system.slice/kubelet.service\n":                                                                       "",
	} {
		if got := innermost([]byte(groups)); got != want {
			t.Errorf("%q: %q", groups, got)
		}
	}
}

// start starts a process, and waits until it has given back a line: just before it is at work, the kernel has no command line of it.
func start(t *testing.T, command ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "ready\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd
}
