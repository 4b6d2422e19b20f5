package programs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script answers as the three do when they are asked for their version.
func script(v string) string {
	return "#!/bin/sh\ncase \"$1\" in --version) echo Kubernetes " + v + ";; *) echo \"Client Version: " + v + "\";; esac\n"
}

// machine has 1.33.5 in /usr/local/bin, and a unit file.
func machine(t *testing.T) Host {
	t.Helper()
	root := t.TempDir()
	h := Host{Bin: []string{filepath.Join(root, "usr/bin"), filepath.Join(root, "usr/local/bin")}, Units: []string{filepath.Join(root, "etc"), filepath.Join(root, "lib")}}
	for _, d := range append(h.Bin, h.Units...) {
		must(t, os.MkdirAll(d, 0o755))
	}
	for _, n := range Names {
		must(t, os.WriteFile(filepath.Join(h.Bin[1], n), []byte(script("v1.33.5")), 0o750))
	}
	must(t, os.WriteFile(filepath.Join(h.Units[1], "kubelet.service"), []byte("[Service]\nExecStart=kubelet\n"), 0o600))
	return h
}

type item struct{ name, version, arch, content string }

// pack writes a bundle with these programs.
func pack(t *testing.T, items ...item) *bundle.Folder {
	t.Helper()
	dir := t.TempDir()
	m := &bundle.Manifest{}
	for i, it := range items {
		sum := sha256.Sum256([]byte(it.content))
		f := bundle.File{Path: fmt.Sprintf("programs/%d", i), Size: int64(len(it.content)), SHA256: hex.EncodeToString(sum[:])}
		m.Programs = append(m.Programs, bundle.Program{File: f, Name: it.name, Version: version.MustParse(it.version), Arch: it.arch})
		must(t, os.MkdirAll(filepath.Join(dir, "programs"), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, f.Path), []byte(it.content), 0o600))
	}
	text, err := m.Encode()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, bundle.ManifestName), text, 0o600))
	f, err := bundle.Open(dir)
	must(t, err)
	return f
}

func three(v string) []item {
	var out []item
	for _, n := range Names {
		out = append(out, item{n, v, runtime.GOARCH, script(v)})
	}
	return out
}

func says(t *testing.T, h Host) string {
	t.Helper()
	found, err := h.Find(t.Context())
	must(t, err)
	var out []string
	for _, p := range found {
		out = append(out, p.Name+" "+p.Version.String())
	}
	return strings.Join(out, ", ")
}

func TestThereAndBack(t *testing.T) {
	h, log := machine(t), &bytes.Buffer{}
	unit := "[Service]\nExecStart=kubelet --new\n"
	from := pack(t, append(three("v1.34.2"), item{"kubelet.service", "v1.34.2", "", unit})...)
	v := version.MustParse("v1.34.2")
	r, err := h.Resolve(t.Context(), from, v)
	must(t, err)
	versions := map[string]string{"kubeadm": "1.34.2", "kubelet": "1.34.2", "kubectl": "1.34.2"}
	if d := cmp.Diff(versions, r.Versions); d != "" || len(r.Files) != 4 || len(r.Kubeadm) != 1 || len(r.Rest) != 3 || r.Rest[2].Action != "replace" {
		t.Errorf("resolution %+v: %s", r, d)
	}
	must(t, h.Prepare(t.Context(), log, from, v, versions, filepath.Join(t.TempDir(), "aside")))
	changes, err := h.Install(t.Context(), log, from, hostaction.InstallPackages{Version: v, Versions: map[string]string{"kubeadm": "1.34.2"}})
	must(t, err)
	if got := says(t, h); got != "kubeadm v1.34.2, kubelet v1.33.5, kubectl v1.33.5" || len(changes) != 1 {
		t.Fatalf("after kubeadm alone: %s, %v", got, changes)
	}
	all := hostaction.InstallPackages{Version: v, Versions: versions}
	for i, want := range []int{2, 0} {
		changes, err = h.Install(t.Context(), log, from, all)
		if err != nil || len(changes) != want {
			t.Errorf("time %d: %v, %v", i, changes, err)
		}
	}
	path := filepath.Join(h.Bin[1], "kubelet")
	info, err := os.Stat(path)
	must(t, err)
	now, err := os.ReadFile(filepath.Join(h.Units[1], "kubelet.service"))
	must(t, err)
	if got := says(t, h); got != "kubeadm v1.34.2, kubelet v1.34.2, kubectl v1.34.2" || info.Mode().Perm() != 0o750 || string(now) != unit {
		t.Errorf("after all: %s, %s, unit %q", got, info.Mode(), now)
	}
	found, err := h.Find(t.Context())
	must(t, err)
	history, err := History(found)
	must(t, err)
	if len(history) != 3 || history[1].Name != "kubelet" || history[1].From != "1.33.5" || history[1].To != "1.34.2" || history[1].At.IsZero() {
		t.Errorf("history %+v", history)
	}

	back := version.MustParse("v1.33.5")
	r, err = h.Resolve(t.Context(), nil, back)
	must(t, err)
	if _, err := h.Install(t.Context(), log, nil, hostaction.InstallPackages{Version: back, Versions: r.Versions}); err != nil {
		t.Fatal(err)
	}
	now, err = os.ReadFile(filepath.Join(h.Units[1], "kubelet.service"))
	must(t, err)
	if got := says(t, h); got != "kubeadm v1.33.5, kubelet v1.33.5, kubectl v1.33.5" || strings.Contains(string(now), "--new") {
		t.Errorf("after going back: %s, unit %q\n%s", got, now, log)
	}
}

func TestUnitFilesThatAreTheSameAreLeftAlone(t *testing.T) {
	h := machine(t)
	same, err := os.ReadFile(filepath.Join(h.Units[1], "kubelet.service"))
	must(t, err)
	before, err := os.Stat(filepath.Join(h.Units[1], "kubelet.service"))
	must(t, err)
	from := pack(t, append(three("v1.34.2"), item{"kubelet.service", "v1.34.2", "", string(same)}, item{"10-kubeadm.conf", "v1.34.2", "", "[Service]\n"})...)
	v := version.MustParse("v1.34.2")
	r, err := h.Resolve(t.Context(), from, v)
	must(t, err)
	if _, err := h.Install(t.Context(), &bytes.Buffer{}, from, hostaction.InstallPackages{Version: v, Versions: r.Versions}); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(h.Units[1], "kubelet.service"))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("a unit file was replaced by the same")
	}
	if b, err := os.ReadFile(filepath.Join(h.Units[0], "kubelet.service.d/10-kubeadm.conf")); err != nil || string(b) != "[Service]\n" {
		t.Errorf("a drop-in that was not there: %q, %v", b, err)
	}
}

func TestAProgramThatIsNotWhatItSaysIsTakenBack(t *testing.T) {
	h := machine(t)
	for what, content := range map[string]string{"another version": script("v1.34.1"), "nothing that runs": "#!/bin/false\n"} {
		items := three("v1.34.2")
		items[1].content = content
		from := pack(t, items...)
		v := version.MustParse("v1.34.2")
		_, err := h.Install(t.Context(), &bytes.Buffer{}, from, hostaction.InstallPackages{Version: v, Versions: map[string]string{"kubelet": "1.34.2"}})
		if got := says(t, h); err == nil || got != "kubeadm v1.33.5, kubelet v1.33.5, kubectl v1.33.5" {
			t.Errorf("%s: %v; now %s", what, err, got)
		}
	}
}

func TestAProgramThatWasChangedIsRefused(t *testing.T) {
	h := machine(t)
	from := pack(t, three("v1.34.2")...)
	kubelet, _ := from.Program("kubelet", version.MustParse("v1.34.2"), runtime.GOARCH)
	bad := []byte(script("v1.34.2"))
	bad[len(bad)-2] = '#'
	must(t, os.WriteFile(from.Path(kubelet.File), bad, 0o600))
	v, versions := version.MustParse("v1.34.2"), map[string]string{"kubelet": "1.34.2"}
	if err := h.Prepare(t.Context(), &bytes.Buffer{}, from, v, versions, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not the file of the manifest") {
		t.Errorf("prepare: %v", err)
	}
	if _, err := h.Install(t.Context(), &bytes.Buffer{}, from, hostaction.InstallPackages{Version: v, Versions: versions}); err == nil || !strings.Contains(says(t, h), "kubelet v1.33.5") {
		t.Errorf("install: %v", err)
	}
}

func TestWhatTheBundleLacksIsNamed(t *testing.T) {
	h := machine(t)
	foreign := three("v1.34.2")
	for i := range foreign {
		foreign[i].arch = "riscv64"
	}
	for what, c := range map[string]struct {
		from *bundle.Folder
		want string
	}{
		"another architecture": {pack(t, foreign...), "with programs for riscv64"},
		"another release":      {pack(t, three("v1.34.3")...), "find program kubeadm v1.34.2"},
		"no bundle":            {nil, "kubelet.v1.34.2.old is not there"},
	} {
		_, err := h.Resolve(t.Context(), c.from, version.MustParse("v1.34.2"))
		if fault.Code(err) != hostaction.CodePackageNotFound || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if offered, err := Offered(pack(t, append(three("v1.34.2"), three("v1.34.10")...)...), "1.34"); err != nil || cmp.Diff([]string{"1.34.10", "1.34.2"}, offered) != "" {
		t.Errorf("offered %v, %v", offered, err)
	}
}

func TestAProgramInTwoPlacesIsNotGuessed(t *testing.T) {
	h := machine(t)
	must(t, os.WriteFile(filepath.Join(h.Bin[0], "kubelet"), []byte(script("v1.33.5")), 0o600))
	if _, err := h.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "it is both at") {
		t.Errorf("err = %v", err)
	}
	must(t, os.Remove(filepath.Join(h.Bin[0], "kubelet")))
	must(t, os.Link(filepath.Join(h.Bin[1], "kubelet"), filepath.Join(h.Bin[0], "kubelet")))
	if _, err := h.Find(t.Context()); err != nil {
		t.Errorf("two names of one file: %v", err)
	}
}

func TestVersionsAsPackagesHaveThem(t *testing.T) {
	for _, text := range []string{"v1.34.2", "v1.36.0-rc.1"} {
		v := version.MustParse(text)
		if got, ok := version.OfPackage(Full(v)); !ok || got != v {
			t.Errorf("%s became %s", text, got)
		}
	}
	if d := cmp.Diff([]cluster.Package{{Name: "kubelet", Version: "1.34.2"}}, Packages([]Program{{Name: "kubelet", Version: version.MustParse("v1.34.2")}})); d != "" {
		t.Error(d)
	}
}
