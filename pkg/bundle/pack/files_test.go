package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kubeadmOf is a program that answers as kubeadm of a release does.
func kubeadmOf(version string) string {
	return fmt.Sprintf(`#!/bin/sh
[ "$*" = "config images list --kubernetes-version v%[1]s" ] || { echo "kubeadm $*" >&2; exit 64; }
for i in kube-apiserver:v%[1]s kube-controller-manager:v%[1]s kube-scheduler:v%[1]s kube-proxy:v%[1]s coredns/coredns:v1.12.1 pause:3.10.1 etcd:3.6.5-0; do
  echo registry.k8s.io/$i
done
`, version)
}

// wantedOf are the names that it gives.
func wantedOf(version string) []string {
	var out []string
	for _, i := range []string{"kube-apiserver:v" + version, "kube-controller-manager:v" + version, "kube-scheduler:v" + version, "kube-proxy:v" + version, "coredns/coredns:v1.12.1", "pause:3.10.1", "etcd:3.6.5-0"} {
		out = append(out, "registry.k8s.io/"+i)
	}
	return out
}

func tarGz(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for n, c := range files {
		must(t, w.WriteHeader(&tar.Header{Name: "./" + n, Mode: 0o755, Size: int64(len(c)), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(c))
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return b.Bytes()
}

// writeDeb writes a package as dpkg-deb does, deb(5).
func writeDeb(t *testing.T, dir, pkg, debian, arch, depends string) {
	t.Helper()
	release, _, _ := strings.Cut(debian, "-")
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: t <t@example.com>\nInstalled-Size: 100\nDescription: t\n more of it\n .\n and more\n", pkg, debian, arch)
	if depends != "" {
		control += "Depends: " + depends + "\n"
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range []struct {
		name string
		data []byte
	}{
		{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", tarGz(t, map[string]string{"control": control})},
		{"data.tar.gz", tarGz(t, map[string]string{"usr/bin/" + pkg: kubeadmOf(release)})},
	} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s_%s_%s.deb", pkg, debian, arch)), b.Bytes(), 0o600))
}

func writeDebs(t *testing.T, dir, debian, arch string) {
	t.Helper()
	writeDeb(t, dir, "kubeadm", debian, arch, "cri-tools (>= 1.34.0)")
	writeDeb(t, dir, "kubelet", debian, arch, "kubernetes-cni (>= 1.2.0),\n mount")
	writeDeb(t, dir, "kubectl", debian, arch, "")
}

func newImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	img, err := random.Image(200, 1)
	must(t, err)
	c, err := img.ConfigFile()
	must(t, err)
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", arch
	img, err = mutate.ConfigFile(img, c)
	must(t, err)
	return img
}

// dockerArchive is what "docker save" writes.
func dockerArchive(t *testing.T, arch string, names ...string) string {
	t.Helper()
	images := map[name.Tag]v1.Image{}
	for _, n := range names {
		tag, err := name.NewTag(n)
		must(t, err)
		images[tag] = newImage(t, arch)
	}
	path := filepath.Join(t.TempDir(), "images.tar")
	must(t, tarball.MultiWriteToFile(path, images))
	return path
}

// ociFolder is an OCI layout in which every name has an index of architectures.
func ociFolder(t *testing.T, arches []string, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	p, err := layout.Write(dir, empty.Index)
	must(t, err)
	for _, n := range names {
		index := v1.ImageIndex(empty.Index)
		for _, a := range arches {
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: newImage(t, a), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: a}}})
		}
		must(t, p.AppendIndex(index, layout.WithAnnotations(map[string]string{"io.containerd.image.name": n})))
	}
	return dir
}

// ociArchive packs a folder.
func ociArchive(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "oci.tar")
	f, err := os.Create(path)
	must(t, err)
	w := tar.NewWriter(f)
	must(t, w.AddFS(os.DirFS(dir)))
	must(t, w.Close())
	must(t, f.Close())
	return path
}
