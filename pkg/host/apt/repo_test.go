package apt

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// pkg is a package whose program prints its version.
type pkg struct {
	name, version, control, postinst string
}

// world is a machine with Kubernetes 1.33 from a repository per minor.
type world struct {
	t    *testing.T
	url  string
	srv  *httptest.Server
	log  *bytes.Buffer
	work workdir.Dir
}

const testSource = "/etc/apt/sources.list.d/kubernetes.list"

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := "/srv/repo"
	repo(t, dir+"/core:/stable:/v1.33/deb", kubernetes("1.33.5-1.1", "1.33.0-1.1")...)
	repo(t, dir+"/core:/stable:/v1.34/deb", append(append(kubernetes("1.34.1-1.1", "1.34.0-1.1"), kubernetes("1.34.2-1.1", "1.34.0-1.1")...),
		pkg{name: "kubeadm", version: "1.34.2-1.2", control: "Depends: cri-tools (>= 1.34.0)"},
		pkg{name: "kubeadm", version: "1.34.8-1.1", control: "Conflicts: kubectl"},
		pkg{name: "kubeadm", version: "1.34.9-1.1", postinst: "echo it breaks >&2; exit 7"},
	)...)
	w := &world{t: t, srv: httptest.NewServer(http.FileServer(http.Dir(dir))), log: &bytes.Buffer{}, work: "/var/lib/kubectl-upgrade"}
	w.url = w.srv.URL
	t.Cleanup(w.srv.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the actions:\n%s", w.log)
		}
	})
	w.reset()
	return w
}

// reset puts the machine back to 1.33.5 with kubeadm, kubelet and cri-tools held.
func (w *world) reset() {
	w.t.Helper()
	w.log.Reset()
	for _, d := range []string{"/etc/apt/sources.list.d", "/var/lib/apt/lists", "/var/cache/apt/archives", string(w.work)} {
		must(w.t, os.RemoveAll(d))
		must(w.t, os.MkdirAll(d, 0o755))
	}
	_ = os.Remove("/etc/apt/sources.list")
	// A mirror that is down stands for all the other sources of a real machine.
	w.write("/etc/apt/sources.list.d/down.list", "deb [trusted=yes] http://127.0.0.1:9/debian bookworm main\n")
	w.write(testSource, "# Kubernetes\ndeb [trusted=yes] "+w.url+"/core:/stable:/v1.33/deb/ ./\n")
	must(w.t, os.Chmod(testSource, 0o640))
	w.do("apt-get", "-o", "Dir::Etc::sourceparts=/dev/null", "-o", "Dir::Etc::sourcelist="+testSource, "update")
	_ = exec.Command("apt-mark", "unhold", "kubeadm", "kubelet", "kubectl", "cri-tools", "kubernetes-cni").Run()
	_ = exec.Command("dpkg", "--purge", "--force-all", "kubeadm", "kubelet", "kubectl", "cri-tools", "kubernetes-cni").Run()
	w.do("apt-get", "install", "-y", "kubeadm=1.33.5-1.1", "kubelet=1.33.5-1.1", "kubectl=1.33.5-1.1")
	w.do("apt-mark", "hold", "kubeadm", "kubelet", "cri-tools")
	w.do("apt-get", "clean")
}

func (w *world) do(name string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (w *world) write(path, text string) {
	w.t.Helper()
	must(w.t, os.WriteFile(path, []byte(text), 0o644))
}

func (w *world) held() string {
	w.t.Helper()
	return strings.Join(strings.Fields(w.do("apt-mark", "showhold")), " ")
}

// system is everything of the host's package manager that looking must not change.
func (w *world) system() string {
	w.t.Helper()
	return w.do("sh", "-c", "find /etc/apt /var/lib/apt/lists /var/lib/dpkg -type f ! -name '*lock*' | sort | xargs md5sum")
}

func kubernetes(version, tools string) []pkg {
	return []pkg{
		{name: "kubeadm", version: version, control: "Depends: cri-tools (>= " + tools[:len(tools)-4] + ")"},
		{name: "kubelet", version: version, control: "Depends: kubernetes-cni"},
		{name: "kubectl", version: version},
		{name: "cri-tools", version: tools}, {name: "kubernetes-cni", version: "1.6.0-1.1"},
	}
}

func repo(t *testing.T, dir string, pkgs ...pkg) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	for _, p := range pkgs {
		root := filepath.Join(t.TempDir(), p.name)
		must(t, os.MkdirAll(root+"/DEBIAN", 0o755))
		must(t, os.MkdirAll(root+"/usr/bin", 0o755))
		v, _ := Upstream(p.version)
		must(t, os.WriteFile(root+"/usr/bin/"+p.name, fmt.Appendf(nil, "#!/bin/sh\necho %s\n", v), 0o755))
		control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nInstalled-Size: 100\nMaintainer: t <t@example.com>\nDescription: t\n%s", p.name, p.version, p.control)
		must(t, os.WriteFile(root+"/DEBIAN/control", []byte(strings.TrimSuffix(control, "\n")+"\n"), 0o644))
		if p.postinst != "" {
			must(t, os.WriteFile(root+"/DEBIAN/postinst", []byte("#!/bin/sh\n"+p.postinst+"\n"), 0o755))
		}
		if out, err := exec.CommandContext(t.Context(), "dpkg-deb", "-b", root, dir).CombinedOutput(); err != nil {
			t.Fatalf("dpkg-deb: %v\n%s", err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "cd "+dir+" && apt-ftparchive packages . > Packages && apt-ftparchive release . > /tmp/Release && mv /tmp/Release Release").CombinedOutput()
	if err != nil {
		t.Fatalf("apt-ftparchive: %v\n%s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
