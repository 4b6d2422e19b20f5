package pack

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func parse(texts ...string) []version.Version {
	var out []version.Version
	for _, t := range texts {
		out = append(out, version.MustParse(t))
	}
	return out
}

func paths(m *bundle.Manifest) []string {
	var out []string
	for _, f := range m.Files() {
		out = append(out, f.Path)
	}
	slices.Sort(out)
	return out
}

func TestABundleOfTwoMinors(t *testing.T) {
	arch := runtime.GOARCH
	debs := t.TempDir()
	writeDebs(t, debs, "1.33.5-1.1", arch)
	writeDebs(t, debs, "1.33.6-1.1", arch)
	writeDebs(t, debs, "1.34.2-1.1", arch)
	writeDeb(t, debs, "kubeadm", "1.34.2-1.2", arch, "")
	writeDeb(t, debs, "kubeadm", "1.35.0-1.1", arch, "")
	writeDeb(t, filepath.Join(debs, "more"), "cri-tools", "1.34.0-1.1", arch, "")
	writeDeb(t, filepath.Join(debs, "more"), "cri-tools", "1.34.0-1.1", "riscv64", "")
	archives := []string{
		dockerArchive(t, arch, wantedOf("1.34.2")...),
		// Mirrored under another name, and in another form.
		ociArchive(t, ociFolder(t, []string{"s390x", arch}, "mirror.example/kube-apiserver:v1.33.6", "mirror.example/kube-controller-manager:v1.33.6",
			"mirror.example/kube-scheduler:v1.33.6", "mirror.example/kube-proxy:v1.33.6", "mirror.example/other:v1")),
	}
	var digests, notes []string
	var made *bundle.Folder
	for range 2 {
		var err error
		made, err = Make(t.Context(), Input{
			From: version.MustParse("v1.32.1"), To: version.MustParse("v1.34.2"), Debs: debs, Archives: archives,
			Output: filepath.Join(t.TempDir(), "made", "bundle"), Note: func(s string) { notes = append(notes, s) },
		})
		must(t, err)
		digests = append(digests, made.Digest())
	}
	if digests[0] != digests[1] {
		t.Errorf("the same files give two bundles: %v", digests)
	}
	var want []string
	for _, p := range []string{"cri-tools_1.34.0-1.1", "kubeadm_1.33.6-1.1", "kubeadm_1.34.2-1.2", "kubectl_1.33.6-1.1", "kubectl_1.34.2-1.1", "kubelet_1.33.6-1.1", "kubelet_1.34.2-1.1"} {
		want = append(want, "packages/"+p+"_"+arch+".deb")
	}
	for _, i := range []string{
		"mirror.example_kube-apiserver_v1.33.6", "mirror.example_kube-controller-manager_v1.33.6", "mirror.example_kube-proxy_v1.33.6", "mirror.example_kube-scheduler_v1.33.6",
		"registry.k8s.io_coredns_coredns_v1.12.1", "registry.k8s.io_etcd_3.6.5-0", "registry.k8s.io_pause_3.10.1",
		"registry.k8s.io_kube-apiserver_v1.34.2", "registry.k8s.io_kube-controller-manager_v1.34.2", "registry.k8s.io_kube-proxy_v1.34.2", "registry.k8s.io_kube-scheduler_v1.34.2",
	} {
		want = append(want, "images/"+i+"_"+arch+".tar")
	}
	slices.Sort(want)
	if d := cmp.Diff(want, paths(made.Manifest)); d != "" {
		t.Error(d)
	}
	for _, f := range made.Files() {
		must(t, made.Check(f))
	}
	r, ok := made.Release(version.MustParse("v1.33.6"))
	if d := cmp.Diff(wantedOf("1.33.6"), r.Images); !ok || r.Guessed || d != "" {
		t.Errorf("release %+v: %s", r, d)
	}
	if img, ok := made.Image("registry.k8s.io/kube-proxy:v1.33.6", arch); !ok || img.Name != "mirror.example/kube-proxy:v1.33.6" {
		t.Errorf("an image of a mirror: %+v, %t", img, ok)
	}
	if !strings.Contains(strings.Join(notes, "\n"), "depends on kubernetes-cni") {
		t.Errorf("nothing is said of a dependency that is not there: %q", notes)
	}
	kubelet, _ := made.Package("kubelet", "1.34.2-1.1", bundle.DebianArch(arch))
	if d := cmp.Diff(map[string]string{"Depends": "kubernetes-cni (>= 1.2.0), mount", "Description": "t", "Installed-Size": "100", "Maintainer": "t <t@example.com>"}, kubelet.Control); d != "" {
		t.Errorf("control: %s", d)
	}
	// The archive is one that Docker's kind of tools load.
	tag, err := name.NewTag("registry.k8s.io/pause:3.10.1")
	must(t, err)
	pause, _ := made.Image("registry.k8s.io/pause:3.10.1", arch)
	if _, err := tarball.ImageFromPath(made.Path(pause.File), &tag); err != nil {
		t.Error(err)
	}
}

func TestEverythingThatIsMissingIsNamed(t *testing.T) {
	arch := runtime.GOARCH
	debs := t.TempDir()
	writeDebs(t, debs, "1.34.2-1.1", arch)
	writeDeb(t, debs, "kubeadm", "1.34.2-1.1", "riscv64", "")
	for _, c := range []struct {
		name string
		in   Input
		want []string
	}{
		{"a minor", Input{From: parse("v1.31.0")[0], Arches: []string{arch}}, []string{"any release of 1.32, which the way to v1.34.2 leads through", "any release of 1.33"}},
		{"a release", Input{Via: parse("v1.33.6"), Arches: []string{arch}}, []string{"package kubeadm 1.33.6 for", "package kubelet 1.33.6", "package kubectl 1.33.6"}},
		{"an architecture", Input{}, []string{"package kubelet 1.34.2 for riscv64", "package kubectl 1.34.2 for riscv64"}},
		{"images", Input{Arches: []string{arch}, Archives: []string{dockerArchive(t, arch, wantedOf("1.34.2")[1:6]...)}},
			[]string{"image registry.k8s.io/kube-apiserver:v1.34.2 for " + arch + ", which kubeadm v1.34.2 needs", "image registry.k8s.io/etcd:3.6.5-0"}},
		{"images of the architecture", Input{Arches: []string{arch}, Archives: []string{dockerArchive(t, "riscv64", wantedOf("1.34.2")...)}}, []string{"image registry.k8s.io/pause:3.10.1 for " + arch}},
	} {
		c.in.To, c.in.Debs, c.in.Output = version.MustParse("v1.34.2"), debs, filepath.Join(t.TempDir(), "bundle")
		_, err := Make(t.Context(), c.in)
		missing, ok := errors.AsType[*MissingError](err)
		if !ok {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(missing.Error(), w) {
				t.Errorf("%s: %q is not in %q", c.name, w, missing)
			}
		}
		left, err := os.ReadDir(filepath.Dir(c.in.Output))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v, %v", c.name, left, err)
		}
	}
}

func TestWhatIsNoPackageOrArchiveIsNamed(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "kubeadm_1.34.2-1.1_amd64.deb")
	writeDeb(t, dir, "kubeadm", "1.34.2-1.1", "amd64", "")
	b, err := os.ReadFile(broken)
	must(t, err)
	must(t, os.WriteFile(broken, b[:100], 0o600))
	in := Input{To: version.MustParse("v1.34.2"), Debs: dir, Output: filepath.Join(t.TempDir(), "bundle")}
	if _, err := Make(t.Context(), in); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("a package that is cut off: %v", err)
	}
	in.Debs = t.TempDir()
	if _, err := Make(t.Context(), in); err == nil || !strings.Contains(err.Error(), "there is no .deb file") {
		t.Errorf("no packages: %v", err)
	}
	writeDebs(t, in.Debs, "1.34.2-1.1", "amd64")
	cut := dockerArchive(t, "amd64", "registry.k8s.io/pause:3.10.1")
	b, err = os.ReadFile(cut)
	must(t, err)
	must(t, os.WriteFile(cut, b[:len(b)/2], 0o600))
	in.Archives = []string{cut}
	if _, err := Make(t.Context(), in); err == nil || !strings.Contains(err.Error(), cut) {
		t.Errorf("an archive that is cut off: %v", err)
	}
}

func TestPushedBundle(t *testing.T) {
	arch := runtime.GOARCH
	srv := httptest.NewServer(registry.New())
	defer srv.Close()
	debs := t.TempDir()
	writeDebs(t, debs, "1.34.2-1.1", arch)
	agent := dockerArchive(t, arch, "host-agent:v1")
	ref := strings.TrimPrefix(srv.URL, "http://") + "/upgrade:v1.34.2"
	made, digested, err := Push(t.Context(), Input{To: version.MustParse("v1.34.2"), Debs: debs}, Target{Reference: ref, AgentArchives: []string{agent}, Insecure: true})
	must(t, err)
	parsed, err := name.ParseReference(digested, name.Insecure)
	must(t, err)
	img, err := remote.Image(parsed)
	must(t, err)
	fs := mutate.Extract(img)
	defer fs.Close()
	files := untarAll(t, fs)
	m, err := bundle.Decode([]byte(files["bundle/bundle.json"]))
	must(t, err)
	if m.Digest() != made.Digest() {
		t.Errorf("pushed %s, made %s", m.Digest(), made.Digest())
	}
	for _, f := range m.Files() {
		if int64(len(files["bundle/"+f.Path])) != f.Size {
			t.Errorf("%s has %d bytes in the image", f.Path, len(files["bundle/"+f.Path]))
		}
	}
	layers, err := img.Layers()
	must(t, err)
	if len(layers) != 3 { // the agent's one, packages, the manifest
		t.Errorf("%d layers", len(layers))
	}
	_, _, err = Push(t.Context(), Input{To: version.MustParse("v1.34.2"), Debs: debs}, Target{Reference: ref, AgentArchives: []string{dockerArchive(t, "riscv64", "host-agent:v1")}})
	if err == nil || !strings.Contains(err.Error(), "the archives have it for riscv64") {
		t.Errorf("an agent of another architecture: %v", err)
	}
}

func TestPlainPrograms(t *testing.T) {
	arch := runtime.GOARCH
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	dir := t.TempDir()
	// Programs that cannot be run here tell their architecture by their header, and their version by their folder.
	foreign := slices.Clone(self)
	foreign[18], foreign[19] = 243, 0 // e_machine: RISC-V
	for _, n := range names {
		path := filepath.Join(dir, "v1.34.2", "riscv64", n)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, foreign, 0o700))
	}
	must(t, os.WriteFile(filepath.Join(dir, "kubelet.service"), []byte("[Service]\nExecStart=/usr/bin/kubelet\n"), 0o600))
	var notes []string
	made, err := Make(t.Context(), Input{To: version.MustParse("v1.34.2"), Programs: dir, Output: filepath.Join(t.TempDir(), "bundle"), Note: func(s string) { notes = append(notes, s) },
		Archives: []string{ociFolder(t, []string{"riscv64"}, wantedOf("1.34.2")...)}})
	must(t, err)
	if arch == "riscv64" {
		t.Fatal("this test wants another machine")
	}
	want := []string{"programs/v1.34.2/riscv64/kubeadm", "programs/v1.34.2/riscv64/kubectl", "programs/v1.34.2/riscv64/kubelet", "programs/v1.34.2/units/kubelet.service"}
	if d := cmp.Diff(want, slices.DeleteFunc(paths(made.Manifest), func(p string) bool { return strings.HasPrefix(p, "images/") })); d != "" {
		t.Error(d)
	}
	r, _ := made.Release(version.MustParse("v1.34.2"))
	slices.Sort(r.Images)
	wanted := wantedOf("1.34.2")
	slices.Sort(wanted)
	if d := cmp.Diff(wanted, r.Images); d != "" || !r.Guessed || !strings.Contains(strings.Join(notes, "\n"), "cannot be run on this machine") {
		t.Errorf("guessed images, told %q: %s", notes, d)
	}
}

func untarAll(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "all.tar")
	b, err := io.ReadAll(r)
	must(t, err)
	must(t, os.WriteFile(path, b, 0o600))
	must(t, untar(t.Context(), path, dir))
	must(t, os.Remove(path))
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		c, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = string(c)
		return err
	}))
	return out
}
