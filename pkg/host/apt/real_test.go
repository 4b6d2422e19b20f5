package apt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func resolve(t *testing.T, w *world, v string) (hostaction.Resolution, error) {
	t.Helper()
	p, err := Open(t.Context(), w.log, w.work, version.MustParse(v), nil)
	must(t, err)
	defer p.Close()
	return p.Resolve(t.Context())
}

func TestRealResolve(t *testing.T) {
	if !inRoot(t) {
		return
	}
	w := newWorld(t)
	before := w.system()
	got, err := resolve(t, w, "v1.34.2")
	must(t, err)
	want := hostaction.Resolution{
		Offered:  []string{"1.34.9-1.1", "1.34.8-1.1", "1.34.2-1.2", "1.34.2-1.1", "1.34.1-1.1"},
		Versions: map[string]string{"kubeadm": "1.34.2-1.2", "kubelet": "1.34.2-1.1", "kubectl": "1.34.2-1.1"},
		Kubeadm: []hostaction.PackageChange{
			{Name: "cri-tools", From: "1.33.0-1.1", To: "1.34.0-1.1", Action: "upgrade"},
			{Name: "kubeadm", From: "1.33.5-1.1", To: "1.34.2-1.2", Action: "upgrade"},
		},
		Rest: []hostaction.PackageChange{
			{Name: "kubectl", From: "1.33.5-1.1", To: "1.34.2-1.1", Action: "upgrade"},
			{Name: "kubelet", From: "1.33.5-1.1", To: "1.34.2-1.1", Action: "upgrade"},
		},
		DownloadBytes: got.DownloadBytes,
		InstallBytes:  4 * 100 * 1024,
		Edits: []hostaction.FileEdit{{
			File:   testSource,
			Before: "deb [trusted=yes] " + w.url + "/core:/stable:/v1.33/deb/ ./",
			After:  "deb [trusted=yes] " + w.url + "/core:/stable:/v1.34/deb/ ./",
		}},
	}
	if d := cmp.Diff(want, got); d != "" || got.DownloadBytes == 0 {
		t.Errorf("resolution (%d bytes): %s", got.DownloadBytes, d)
	}
	if _, err := resolve(t, w, "v1.34.7"); fault.Code(err) != hostaction.CodePackageNotFound || !strings.Contains(err.Error(), "1.34.9-1.1, 1.34.8-1.1") {
		t.Errorf("a version that is not offered: %v", err)
	}
	if _, err := resolve(t, w, "v1.40.0"); fault.Code(err) != hostaction.CodeRepositoryFailed || !strings.Contains(err.Error(), "404") {
		t.Errorf("a repository that is not there: %v", err)
	}
	if got, err := Offered(t.Context(), w.log, w.work, "1.40", nil); err != nil || got == nil || len(got) != 0 {
		t.Errorf("Offered(1.40) = %v, %v", got, err)
	}
	w.srv.Close()
	if _, err := Offered(t.Context(), w.log, w.work, "1.34", nil); fault.Code(err) != hostaction.CodeRepositoryFailed || !strings.Contains(err.Error(), "Err:") {
		t.Errorf("a server that is down: %v", err)
	}
	if d := cmp.Diff(before, w.system()); d != "" {
		t.Errorf("looking changed the host: %s", d)
	}
}

func TestRealDownload(t *testing.T) {
	if !inRoot(t) {
		return
	}
	w := newWorld(t)
	before := w.system()
	versions := map[string]string{"kubeadm": "1.34.2-1.2", "kubelet": "1.34.2-1.1"}
	for range 2 {
		p, err := Open(t.Context(), w.log, w.work, version.MustParse("v1.34.2"), nil)
		must(t, err)
		must(t, p.Download(t.Context(), versions))
		must(t, p.Unpack(t.Context(), "1.34.2-1.2", w.work.Kubeadm("v1.34.2")))
		p.Close()
	}
	debs, err := filepath.Glob("/var/cache/apt/archives/*.deb")
	must(t, err)
	if len(debs) != 3 {
		t.Errorf("cache has %v, want cri-tools, kubeadm and kubelet", debs)
	}
	if got := w.do(filepath.Join(w.work.Kubeadm("v1.34.2"), "usr/bin/kubeadm")); got != "v1.34.2\n" {
		t.Errorf("unpacked kubeadm says %q", got)
	}
	if d := cmp.Diff(before, w.system()); d != "" {
		t.Errorf("downloading changed the host: %s", d)
	}
	r, err := resolve(t, w, "v1.34.2")
	must(t, err)
	if len(r.Rest) != 2 || r.DownloadBytes == 0 {
		t.Errorf("kubectl is still to be fetched: %+v", r)
	}
}

func TestRealInstall(t *testing.T) {
	if !inRoot(t) {
		return
	}
	w := newWorld(t)
	install := func(v string, versions map[string]string, forbid ...string) ([]hostaction.PackageChange, error) {
		t.Helper()
		return Install(t.Context(), w.log, w.work, hostaction.InstallPackages{Version: version.MustParse(v), Versions: versions, Forbid: forbid}, nil)
	}
	const heldFirst = "cri-tools kubeadm kubelet"

	t.Run("refuses before anything changes", func(t *testing.T) {
		before := w.system()
		if _, err := install("v1.34.2", map[string]string{"kubeadm": "1.34.2-1.2"}, "cri-tools"); err == nil || !strings.Contains(err.Error(), "upgrade cri-tools from 1.33.0-1.1 to 1.34.0-1.1") {
			t.Errorf("forbidden package: %v", err)
		}
		if _, err := install("v1.34.8", map[string]string{"kubeadm": "1.34.8-1.1"}); err == nil || !strings.Contains(err.Error(), "remove kubectl 1.33.5-1.1") {
			t.Errorf("removal: %v", err)
		}
		if d := cmp.Diff(before, w.system()); d != "" {
			t.Errorf("refusing changed the host: %s", d)
		}
	})
	t.Run("installs kubeadm alone", func(t *testing.T) {
		changes, err := install("v1.34.2", map[string]string{"kubeadm": "1.34.2-1.2"}, "kubelet", "kubectl")
		must(t, err)
		if len(changes) != 2 || w.do("kubeadm") != "v1.34.2\n" || w.do("kubelet") != "v1.33.5\n" || w.held() != heldFirst {
			t.Errorf("changes %v, held %q", changes, w.held())
		}
		b, err := os.ReadFile(testSource)
		must(t, err)
		info, err := os.Stat(testSource)
		must(t, err)
		if string(b) != "# Kubernetes\ndeb [trusted=yes] "+w.url+"/core:/stable:/v1.34/deb/ ./\n" || info.Mode().Perm() != 0o640 {
			t.Errorf("source is %v %q", info.Mode(), b)
		}
		if _, err := os.Stat(w.work.Holds()); err == nil {
			t.Error("the record of holds is still there")
		}
	})
	t.Run("does nothing the second time", func(t *testing.T) {
		w.log.Reset()
		changes, err := install("v1.34.2", map[string]string{"kubeadm": "1.34.2-1.2"})
		if err != nil || len(changes) != 0 || strings.Contains(w.log.String(), "$ ") {
			t.Errorf("changes %v, %v\n%s", changes, err, w.log)
		}
	})
	t.Run("restores holds of a run that was killed", func(t *testing.T) {
		w.write(w.work.Holds(), `{"held":["kubeadm","kubelet","cri-tools"]}`)
		w.do("apt-mark", "unhold", "kubeadm", "cri-tools")
		w.do("apt-mark", "hold", "kubernetes-cni")
		_, err := install("v1.34.2", map[string]string{"kubeadm": "1.34.2-1.2"})
		if err != nil || w.held() != heldFirst {
			t.Errorf("held %q, %v", w.held(), err)
		}
	})
	t.Run("restores holds after a failure and goes on from it", func(t *testing.T) {
		_, err := install("v1.34.9", map[string]string{"kubeadm": "1.34.9-1.1"})
		if err == nil || !strings.Contains(err.Error(), "E: Sub-process /usr/bin/dpkg returned an error code") || w.held() != heldFirst {
			t.Errorf("held %q, %v", w.held(), err)
		}
		_, err = install("v1.34.2", map[string]string{"kubeadm": "1.34.2-1.2", "kubelet": "1.34.2-1.1", "kubectl": "1.34.2-1.1"})
		if err != nil || w.do("kubelet") != "v1.34.2\n" || w.do("kubeadm") != "v1.34.2\n" || w.held() != heldFirst {
			t.Errorf("held %q, %v", w.held(), err)
		}
	})
	t.Run("names who has the lock", func(t *testing.T) {
		// The file of this program is not in the throw-away root, but the kernel still has it.
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
		cmd.Env = append(os.Environ(), lockEnv+"=/var/lib/dpkg/lock")
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		_, err = out.Read(make([]byte, 8))
		must(t, err)
		p, err := LockHolder()
		if err != nil || p == nil || p.PID != cmd.Process.Pid || p.Name == "" {
			t.Errorf("LockHolder = %+v, %v", p, err)
		}
		in.Close()
		must(t, cmd.Wait())
		if p, err := LockHolder(); p != nil || err != nil {
			t.Errorf("LockHolder = %+v, %v", p, err)
		}
	})
}
