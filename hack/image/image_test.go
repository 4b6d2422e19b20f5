package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/etcd/release"
)

const (
	agentImage = "../../images/host-agent"
	etcdImage  = "../../images/etcd-migrate"
)

// programs writes stand-ins for what is compiled, and a list of releases with their sums. Paths, modes and times differ
// from one call to the next.
func programs(t *testing.T) maker {
	t.Helper()
	return programsOf(t, "\x7fELF ")
}

// programsOf has every program begin in the same way.
func programsOf(t *testing.T, begin string) maker {
	t.Helper()
	dir := t.TempDir()
	write := func(path, text string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var list strings.Builder
	list.WriteString("releases:\n")
	for _, version := range []string{"3.4.16", "3.5.35", "3.6.16"} {
		names := []string{"etcd", "etcdctl", "etcdutl"}
		if version < "3.5" {
			names = names[:2]
		}
		fmt.Fprintf(&list, "- version: %s\n  programs: {%s: x}\n  sha256:\n", version, strings.Join(names, ": x, "))
		for _, arch := range []string{"amd64", "arm64"} {
			fmt.Fprintf(&list, "    linux-%s:\n", arch)
			if err := os.MkdirAll(filepath.Join(dir, arch), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				s, err := release.Sum(write(filepath.Join(dir, arch, n+"-"+version), begin+n+version+arch))
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&list, "      %s: %s\n", n, s)
			}
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		path := write(filepath.Join(dir, "program-"+arch), begin+"and the rest for "+arch)
		if err := os.Chtimes(path, time.Now(), time.Now().Add(-time.Duration(os.Getpid())*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	return maker{binary: filepath.Join(dir, "program-{arch}"),
		contents: func(path, name, _ string) ([]byte, error) {
			return []byte("what " + name + " is made of: " + strings.TrimPrefix(filepath.Base(path), "program-")), nil
		},
		bundle: bundle{releases: write(filepath.Join(dir, "releases.yaml"), list.String()), dir: filepath.Join(dir, "{arch}")}}
}

func (m maker) of(t *testing.T, dir string, hops ...string) maker {
	t.Helper()
	var err error
	if m.spec, err = readSpec(dir); err != nil {
		t.Fatal(err)
	}
	m.hops = hops
	return m
}

func one(t *testing.T, m maker, platform string) v1.Image {
	t.Helper()
	list, err := m.images([]string{platform})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func TestSameProgramsSameDigest(t *testing.T) {
	for _, dir := range []string{agentImage, etcdImage} {
		var digests []string
		for range 2 {
			m, err := programs(t).of(t, dir).make([]string{"linux/amd64", "linux/arm64"}, true)
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, m.digest)
		}
		if digests[0] != digests[1] {
			t.Errorf("%s made twice of the same programs: %v", dir, digests)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct{ dir, entry, args string }{
		{agentImage, "/host-agent", "serve"}, {etcdImage, "/usr/local/bin/etcd-migrate", ""},
	} {
		got, err := one(t, programs(t).of(t, c.dir), "linux/arm64").ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if got.Architecture != "arm64" || got.Config.Entrypoint[0] != c.entry || strings.Join(got.Config.Cmd, " ") != c.args || got.Config.User != "" {
			t.Errorf("config = %+v", got)
		}
	}
}

// files are what a container sees: mode and content, or where a link leads to.
func files(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	r := mutate.Extract(img)
	defer r.Close()
	all := map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(epoch()) || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: %+v", h.Name, h)
		}
		all[h.Name] = fmt.Sprintf("%o %s%s", h.Mode, text, h.Linkname)
	}
}

// TestEtcd wants what was asked for and nothing else: no shell, above all.
func TestEtcd(t *testing.T) {
	common := map[string]string{"usr": "755 ", "usr/local": "755 ", "usr/local/bin": "755 ", "usr/local/bin/etcd-migrate": "755 \x7fELF and the rest for arm64",
		"usr/share": "755 ", "usr/share/sbom": "755 ", "usr/share/sbom/etcd-migrate.cdx.json": "644 what etcd-migrate is made of: arm64",
		"usr/local/bin/migrate": "777 etcd-migrate", "usr/local/bin/migrate-if-needed.sh": "777 etcd-migrate"}
	for _, c := range []struct{ hops, versions []string }{
		{nil, []string{"3.4.16", "3.5.35", "3.6.16"}}, {[]string{"3.5", "3.4.16"}, []string{"3.4.16", "3.5.35"}}, {[]string{"3.4"}, []string{"3.4.16"}},
	} {
		want := maps.Clone(common)
		for _, v := range c.versions {
			for _, n := range []string{"etcd", "etcdctl", "etcdutl"} {
				if n == "etcdutl" && v < "3.5" {
					continue
				}
				want["usr/local/bin/"+n+"-"+v] = "755 \x7fELF " + n + v + "arm64"
				want["usr/local/bin/"+n] = "777 " + n + "-" + v // the last is the newest
				want["usr/share/sbom/"+n+"-"+v+".cdx.json"] = "644 what " + n + "-" + v + " is made of: " + n + "-" + v
			}
		}
		if d := cmp.Diff(want, files(t, one(t, programs(t).of(t, etcdImage, c.hops...), "linux/arm64"))); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.hops, d)
		}
	}
}

// TestThinSharesLayers has who pulls a thin image after a full one fetch next to nothing.
func TestThinSharesLayers(t *testing.T) {
	layers := func(hops ...string) []v1.Hash {
		t.Helper()
		m, err := one(t, programs(t).of(t, etcdImage, hops...), "linux/amd64").Manifest()
		if err != nil {
			t.Fatal(err)
		}
		var list []v1.Hash
		for _, l := range m.Layers {
			list = append(list, l.Digest)
		}
		return list
	}
	full, thin := layers(), layers("3.5", "3.6")
	if len(full) != 4 || cmp.Diff(full[1:], thin) != "" {
		t.Errorf("full: %v\nthin: %v", full, thin)
	}
}

func TestEtcdRefuses(t *testing.T) {
	for say, change := range map[string]func(m *maker) error{
		"has none":     func(m *maker) error { m.hops = []string{"3.9"}; return nil },
		"no such file": func(m *maker) error { return os.Remove(filepath.Join(forArch(m.dir, "amd64"), "etcdctl-3.4.16")) },
		"the sha256 of ": func(m *maker) error {
			return os.WriteFile(filepath.Join(forArch(m.dir, "amd64"), "etcd-3.5.35"), nil, 0o600)
		},
		"etcd --platform linux-x": func(m *maker) error { return os.Rename(forArch(m.dir, "amd64"), forArch(m.dir, "amd64")+"-gone") },
	} {
		m := programs(t).of(t, etcdImage)
		if err := change(&m); err != nil {
			t.Fatal(err)
		}
		say = strings.ReplaceAll(say, "-x", "-amd64")
		if _, err := m.images([]string{"linux/amd64"}); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("want %q, got %v", say, err)
		}
	}
}

func TestTargets(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer srv.Close()
	dir := t.TempDir()
	ref := strings.TrimPrefix(srv.URL, "http://") + "/etcd-migrate:test"
	// Any Go program tells what it is made of; stand-ins do not.
	empty := filepath.Join(dir, "empty")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", empty, "./testdata/empty").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	program, err := os.ReadFile(empty)
	if err != nil {
		t.Fatal(err)
	}
	m := programsOf(t, string(program))
	common := []string{"--image", etcdImage, "--binary", m.binary, "--etcd", m.dir, "--releases", m.releases}
	both := []string{"--platform", "linux/amd64,linux/arm64"}
	for _, args := range [][]string{
		{"--push", ref + "-one", "--insecure"}, {"--tar", filepath.Join(dir, "a.tar")},
		append([]string{"--push", ref, "--insecure", "--twice"}, both...),
		{"--layout", filepath.Join(dir, "oci")}, append([]string{"--layout", filepath.Join(dir, "oci")}, both...),
	} {
		if err := build(append(args, common...)); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	r, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if img, err := remote.Image(r, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "arm64"})); err != nil {
		t.Errorf("pushed index: %v", err)
	} else if got := files(t, img)["usr/local/bin/etcd-migrate"]; !strings.HasSuffix(got, "arm64") {
		t.Errorf("arm64 gets %q", got)
	}
	if _, err := tarball.ImageFromPath(filepath.Join(dir, "a.tar"), nil); err != nil {
		t.Errorf("image archive: %v", err)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, "oci"))
	if err != nil {
		t.Fatalf("image layout: %v", err)
	}
	list, err := index.IndexManifest()
	if err != nil || len(list.Manifests) != 1 {
		t.Fatalf("image layout: %+v, %v", list, err)
	}
	inner, err := index.ImageIndex(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if platforms, err := inner.IndexManifest(); err != nil || len(platforms.Manifests) != 2 || platforms.Manifests[1].Platform.Architecture != "arm64" {
		t.Errorf("image layout: %+v, %v", platforms, err)
	}
	for _, args := range [][]string{{"--tar", "x", "--push", ref}, append([]string{"--tar", filepath.Join(dir, "b.tar")}, both...), nil} {
		if err := build(append(args, common...)); err == nil {
			t.Errorf("%v is not refused", args)
		}
	}
}
