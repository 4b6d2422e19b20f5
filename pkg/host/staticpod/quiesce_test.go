package staticpod

import (
	"bufio"
	"fmt"
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
	const oldEtcd, nextEtcd = "spec: {containers: [{name: etcd, image: 'etcd:3.5.24-0'}]}\n", "spec: {containers: [{name: etcd, image: 'etcd:3.6.5-0'}]}\n"
	const oldServer, nextServer = "spec: {containers: [{name: kube-apiserver, image: 'kube-apiserver:v1.33.5'}]}\n", "spec: {containers: [{name: kube-apiserver, image: 'kube-apiserver:v1.34.2'}]}\n"
	for name, c := range map[string]struct {
		etcd, server    string
		apart, together bool
	}{
		"both are new":             {nextEtcd, nextServer, true, true},
		"only etcd is new":         {nextEtcd, oldServer, true, true},
		"only the server is new":   {"# kubeadm\n" + oldEtcd, nextServer, false, true},
		"both say the same":        {"# kubeadm\n" + oldEtcd, oldServer, false, false},
		"etcd's is written now":    {nextEtcd[:20], nextServer, false, false},
		"etcd's is begun":          {"", nextServer, false, false},
		"etcd's is not written":    {"-", nextServer, false, false},
		"the server's is not":      {nextEtcd, "-", true, true},
		"the server's, etcd's old": {oldEtcd, nextServer[:20], false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			now, pattern := filepath.Join(dir, "manifests"), filepath.Join(dir, "kubeadm-upgraded-manifests*")
			next := filepath.Join(dir, "kubeadm-upgraded-manifests42")
			write := func(dir, manifest, text string) {
				t.Helper()
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if text == "-" {
					return
				}
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(manifest)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(now, Etcd, oldEtcd)
			write(now, Server, oldServer)
			if announced(pattern, now, time.Time{}, true) {
				t.Error("without new manifests")
			}
			write(next, Server, c.server)
			write(next, Etcd, c.etcd)
			for together, want := range map[bool]bool{false: c.apart, true: c.together} {
				if announced(pattern, now, time.Time{}, together) != want {
					t.Errorf("it announces another etcd, where they are replaced together (%t): %t", together, !want)
				}
			}
			if announced(pattern, now, time.Now().Add(time.Hour), true) {
				t.Error("that of an earlier run counts")
			}
		})
	}
}

// TestStill has a process stand still while something is done, and go on after it.
func TestStill(t *testing.T) {
	cat := start(t, "cat")
	state := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cat.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(text))[2]
	}
	l := &Leaver{}
	did := 0
	l.still(func() { did++ }) // nothing was given to it
	l.Hold(cat.Process)
	l.still(func() {
		did++
		if err := until(t.Context(), time.Millisecond, func() bool { return state() == "T" }); err != nil {
			t.Errorf("it goes on: %s", state())
		}
	})
	if err := until(t.Context(), time.Millisecond, func() bool { return state() == "S" }); err != nil || did != 2 {
		t.Errorf("done %d times, and then it is %s", did, state())
	}
	if err := cat.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cat.Wait()
	if l.still(func() { did++ }); did != 3 {
		t.Error("after its end nothing is done")
	}
	var none *Leaver
	none.Hold(cat.Process)
	none.Leave(t.Context())
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
	l := &Leaver{log: &log, server: Process{server.Process.Pid, command}, address: port.Addr().String()}
	l.finish(t.Context())
	if !l.server.Runs() {
		t.Fatal("a server that was not asked to leave was killed")
	}
	l.Leave(t.Context())
	if l.Leave(t.Context()); !l.server.Runs() || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("asked to leave: runs %t, log %q", l.server.Runs(), log.String())
	}
	l.finish(t.Context())
	if err := server.Wait(); err == nil || l.server.Runs() {
		t.Errorf("it goes on: %v", err)
	}
}

// TestEnd has one process that ends when it is asked to.
func TestEnd(t *testing.T) {
	command := []string{"sh", "-c", "trap 'exit 3' TERM; read word; echo $word; read never"}
	component := start(t, command...)
	var log strings.Builder
	end(t.Context(), &log, Process{component.Process.Pid, command})
	if err := component.Wait(); component.ProcessState.ExitCode() != 3 {
		t.Errorf("it was not let end by itself: %v; log %q", err, log.String())
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
