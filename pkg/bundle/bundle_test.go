package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newFile(path, content string) File {
	sum := sha256.Sum256([]byte(content))
	return File{Path: path, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func sample() *Manifest {
	v := version.MustParse("v1.34.2")
	return &Manifest{
		Releases: []Release{{Version: v, Images: []string{"registry.k8s.io/pause:3.10.1"}}},
		Packages: []Package{
			{File: newFile("packages/kubeadm_amd64.deb", "one"), Name: "kubeadm", Version: "1.34.2-1.1", Arch: "amd64", Control: map[string]string{"Depends": "cri-tools (>= 1.34.0)"}},
			{File: newFile("packages/kubeadm_armhf.deb", "two"), Name: "kubeadm", Version: "1.34.2-1.1", Arch: "armhf"},
			{File: newFile("packages/cri-tools_all.deb", "three"), Name: "cri-tools", Version: "1.34.0-1.1", Arch: "all"},
		},
		Images: []Image{
			{File: newFile("images/pause.tar", "four"), Name: "registry.k8s.io/pause:3.10.1", Arch: "amd64"},
			{File: newFile("images/coredns.tar", "five"), Name: "registry.k8s.io/coredns/coredns:v1.12.1", Arch: "amd64"},
		},
	}
}

// folder writes the sample, with contents that fit.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	m := sample()
	for i, f := range m.Files() {
		path := filepath.Join(dir, f.Path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte([]string{"one", "two", "three", "four", "five"}[i]), 0o600))
	}
	text, err := m.Encode()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, ManifestName), text, 0o600))
	return dir
}

func TestABundleThatIsNotWhole(t *testing.T) {
	for what, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"nothing":          {func(string) error { return nil }, ""},
		"a missing file":   {func(dir string) error { return os.Remove(filepath.Join(dir, "images/pause.tar")) }, "images/pause.tar is missing"},
		"a truncated file": {func(dir string) error { return os.Truncate(filepath.Join(dir, "images/pause.tar"), 2) }, "has 2 bytes instead of 4"},
		"no manifest":      {func(dir string) error { return os.Remove(filepath.Join(dir, ManifestName)) }, "there is no bundle.json"},
		"half a manifest":  {func(dir string) error { return os.Truncate(filepath.Join(dir, ManifestName), 300) }, "read bundle manifest"},
	} {
		dir := folder(t)
		must(t, c.damage(dir))
		_, err := Open(dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestABundleThatWasChanged(t *testing.T) {
	dir := folder(t)
	f, err := Open(dir)
	must(t, err)
	pause, _ := f.Image("registry.k8s.io/pause:3.10.1", "amd64")
	must(t, f.Check(pause.File))
	must(t, os.WriteFile(f.Path(pause.File), []byte("fouR"), 0o600))
	if err := f.Check(pause.File); err == nil || !strings.Contains(err.Error(), f.Short()) {
		t.Errorf("another content of the same size: %v", err)
	}
	if _, err := OpenPart(dir, f.Digest()); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, ManifestName))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, ManifestName), []byte(strings.Replace(string(text), "v1.34.2", "v1.34.3", 1)), 0o600))
	if _, err := OpenPart(dir, f.Digest()); err == nil || !strings.Contains(err.Error(), "instead of "+f.Digest()) {
		t.Errorf("another manifest: %v", err)
	}
}

func TestAManifestCannotReachOutside(t *testing.T) {
	for what, change := range map[string]func(*Manifest){
		"a path upwards":         func(m *Manifest) { m.Packages[0].Path = "../../etc/passwd" },
		"an absolute path":       func(m *Manifest) { m.Packages[0].Path = "/etc/passwd" },
		"the manifest":           func(m *Manifest) { m.Packages[0].Path = ManifestName },
		"a line in a path":       func(m *Manifest) { m.Packages[0].Path = "a\nPackage: x" },
		"an option":              func(m *Manifest) { m.Images[0].Path = "-rf" },
		"a line in a field":      func(m *Manifest) { m.Packages[0].Control["Depends"] = "a\nFilename: b" },
		"a field of ours":        func(m *Manifest) { m.Packages[0].Control["SHA256"] = "00" },
		"a line in a name":       func(m *Manifest) { m.Packages[0].Name = "a\nb" },
		"an image as an option":  func(m *Manifest) { m.Images[0].Name = "--help:x" },
		"an image without a tag": func(m *Manifest) { m.Releases[0].Images[0] = "registry.k8s.io/pause" },
		"no checksum":            func(m *Manifest) { m.Images[0].SHA256 = "" },
		"a file of two contents": func(m *Manifest) { m.Images[0].Path = m.Images[1].Path },
	} {
		m := sample()
		change(m)
		if text, err := m.Encode(); err == nil {
			t.Errorf("%s: %s", what, text)
		}
	}
	if _, err := Decode([]byte(`{"apiVersion":"kubectl-upgrade.io/v1alpha1","kind":"Bundle","binaries":[]}`)); err == nil {
		t.Error("a field that is not known is passed over")
	}
}

func TestRepositoryIsOfOneArchitecture(t *testing.T) {
	packages, release := sample().Repository("armhf")
	for _, want := range []string{"Filename: ./packages/kubeadm_armhf.deb", "Filename: ./packages/cri-tools_all.deb"} {
		if !strings.Contains(string(packages), want) {
			t.Errorf("%q is not in\n%s", want, packages)
		}
	}
	if strings.Contains(string(packages), "amd64") {
		t.Errorf("a package of another architecture:\n%s", packages)
	}
	sum := sha256.Sum256(packages)
	if !strings.Contains(string(release), hex.EncodeToString(sum[:])) {
		t.Errorf("no checksum of the list:\n%s", release)
	}
	if DebianArch("arm") != "armhf" || GoArch("armhf") != "arm" || DebianArch("arm64") != "arm64" || GoArch("ppc64el") != "ppc64le" {
		t.Error("architectures")
	}
}

func TestImagesAreFoundUnderOtherRepositories(t *testing.T) {
	m := sample()
	for _, c := range []struct{ name, arch, want string }{
		{"registry.k8s.io/pause:3.10.1", "amd64", "registry.k8s.io/pause:3.10.1"},
		{"r.example:5000/k8s/pause:3.10.1", "amd64", "registry.k8s.io/pause:3.10.1"},
		{"r.example:5000/k8s/coredns:v1.12.1", "amd64", "registry.k8s.io/coredns/coredns:v1.12.1"},
		{"registry.k8s.io/pause:3.10", "amd64", ""},
		{"registry.k8s.io/pause:3.10.1", "arm64", ""},
	} {
		got, ok := m.Image(c.name, c.arch)
		if got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s for %s: %q, %t", c.name, c.arch, got.Name, ok)
		}
	}
}

func FuzzDecode(f *testing.F) {
	text, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Decode(text)
		if err != nil {
			return
		}
		for _, file := range m.Files() {
			if !filepath.IsLocal(file.Path) || strings.ContainsAny(file.Path, "\n\\ ") {
				t.Errorf("path %q", file.Path)
			}
		}
		packages, _ := m.Repository("amd64")
		for l := range strings.Lines(string(packages)) {
			if l != "\n" && !strings.Contains(l, ": ") {
				t.Errorf("line %q in the list of packages", l)
			}
		}
	})
}
