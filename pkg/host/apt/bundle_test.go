package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle/pack"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// bring puts a bundle of the packages of 1.34.2 where the agent puts it: the manifest alone, or every file.
func bring(t *testing.T, w *world, all bool) *bundle.Folder {
	t.Helper()
	made, err := pack.Make(t.Context(), pack.Input{
		To: version.MustParse("v1.34.2"), Debs: "/srv/repo/core:/stable:/v1.34/deb", Output: filepath.Join(t.TempDir(), "bundle"),
	})
	must(t, err)
	dir := w.work.Bundle(made.Digest())
	must(t, os.MkdirAll(dir, 0o755))
	files := []bundle.File{{Path: bundle.ManifestName}}
	if all {
		files = append(files, made.Files()...)
	}
	for _, f := range files {
		b, err := os.ReadFile(made.Path(f))
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, f.Path)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, f.Path), b, 0o644))
	}
	there, err := bundle.OpenPart(dir, made.Digest())
	must(t, err)
	return there
}

// Neither the repository nor any other source of the machine answers.
func TestRealBundle(t *testing.T) {
	if !inRoot(t) {
		return
	}
	w := newWorld(t)
	w.srv.Close()
	before := w.system()
	versions := map[string]string{"kubeadm": "1.34.2-1.2", "kubelet": "1.34.2-1.1", "kubectl": "1.34.2-1.1"}
	alone := bring(t, w, false)

	t.Run("resolves by the manifest alone", func(t *testing.T) {
		p, err := Open(t.Context(), w.log, w.work, version.MustParse("v1.34.2"), alone)
		must(t, err)
		defer p.Close()
		got, err := p.Resolve(t.Context())
		must(t, err)
		files := map[string]string{}
		for name, f := range got.Files {
			files[name] = f.Path
		}
		want := map[string]string{
			"cri-tools": "packages/cri-tools_1.34.0-1.1_all.deb", "kubeadm": "packages/kubeadm_1.34.2-1.2_all.deb",
			"kubectl": "packages/kubectl_1.34.2-1.1_all.deb", "kubelet": "packages/kubelet_1.34.2-1.1_all.deb",
		}
		if d := cmp.Diff(want, files); d != "" {
			t.Errorf("files: %s", d)
		}
		if d := cmp.Diff(versions, got.Versions); d != "" || got.Edits != nil || got.DownloadBytes == 0 || got.InstallBytes != 4*100*1024 {
			t.Errorf("resolution %+v: %s", got, d)
		}
		if len(got.Kubeadm) != 2 || len(got.Rest) != 2 {
			t.Errorf("kubeadm %v, rest %v", got.Kubeadm, got.Rest)
		}
	})
	t.Run("offers what it has", func(t *testing.T) {
		for minor, want := range map[string][]string{"1.34": {"1.34.2-1.2"}, "1.35": {}} {
			got, err := Offered(t.Context(), w.log, w.work, minor, alone)
			must(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", minor, d)
			}
		}
	})
	t.Run("names itself and what it lacks", func(t *testing.T) {
		p, err := Open(t.Context(), w.log, w.work, version.MustParse("v1.34.7"), alone)
		must(t, err)
		defer p.Close()
		_, err = p.Resolve(t.Context())
		if fault.Code(err) != hostaction.CodePackageNotFound || !strings.Contains(err.Error(), alone.Short()) || !strings.Contains(err.Error(), "kubeadm 1.34.7") {
			t.Errorf("a release that is not in it: %v", err)
		}
	})
	if d := cmp.Diff(before, w.system()); d != "" {
		t.Errorf("looking changed the host: %s", d)
	}
	there := bring(t, w, true)
	t.Run("refuses a package that was changed", func(t *testing.T) {
		bad := there.Path(bundle.File{Path: "packages/kubelet_1.34.2-1.1_all.deb"})
		good, err := os.ReadFile(bad)
		must(t, err)
		defer func() { must(t, os.WriteFile(bad, good, 0o644)) }()
		must(t, os.WriteFile(bad, append([]byte("x"), good[1:]...), 0o644))
		p, err := Open(t.Context(), w.log, w.work, version.MustParse("v1.34.2"), there)
		must(t, err)
		defer p.Close()
		if err := p.Download(t.Context(), versions); err == nil || !strings.Contains(err.Error(), "kubelet") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("downloads and unpacks", func(t *testing.T) {
		p, err := Open(t.Context(), w.log, w.work, version.MustParse("v1.34.2"), there)
		must(t, err)
		defer p.Close()
		must(t, p.Download(t.Context(), versions))
		must(t, p.Unpack(t.Context(), "1.34.2-1.2", w.work.Kubeadm("v1.34.2")))
		if got := w.do(filepath.Join(w.work.Kubeadm("v1.34.2"), "usr/bin/kubeadm")); got != "v1.34.2\n" {
			t.Errorf("unpacked kubeadm says %q", got)
		}
		if d := cmp.Diff(before, w.system()); d != "" {
			t.Errorf("downloading changed the host: %s", d)
		}
	})
	t.Run("installs with holds kept and sources as they were", func(t *testing.T) {
		source, err := os.ReadFile(testSource)
		must(t, err)
		a := hostaction.InstallPackages{Version: version.MustParse("v1.34.2"), Versions: map[string]string{"kubeadm": "1.34.2-1.2"}, Forbid: []string{"kubelet", "kubectl"}}
		if _, err := Install(t.Context(), w.log, w.work, a, there); err != nil || w.do("kubeadm") != "v1.34.2\n" || w.do("kubelet") != "v1.33.5\n" {
			t.Fatalf("kubeadm alone: %v", err)
		}
		a.Versions, a.Forbid = versions, nil
		if _, err := Install(t.Context(), w.log, w.work, a, there); err != nil || w.do("kubelet") != "v1.34.2\n" || w.do("kubectl") != "v1.34.2\n" {
			t.Fatalf("all: %v", err)
		}
		after, err := os.ReadFile(testSource)
		must(t, err)
		if d := cmp.Diff(string(source), string(after)); d != "" || w.held() != "cri-tools kubeadm kubelet" {
			t.Errorf("held %q, source: %s", w.held(), d)
		}
	})
}
