package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	if err := os.WriteFile(path, []byte("\x7fELF and the rest"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSameBinarySameDigest(t *testing.T) {
	var digests []string
	for range 2 {
		// Another path, time of change and mode each time.
		img, err := spec{binary: binary(t), name: "host-agent", platform: "linux/amd64", args: []string{"serve"}}.image()
		if err != nil {
			t.Fatal(err)
		}
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds of the same binary: %v", digests)
	}
}

func TestConfig(t *testing.T) {
	img, err := spec{binary: binary(t), name: "host-agent", platform: "linux/arm64", args: []string{"serve"}}.image()
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Architecture != "arm64" || c.Config.Entrypoint[0] != "/host-agent" || c.Config.Cmd[0] != "serve" || len(c.RootFS.DiffIDs) != 1 {
		t.Errorf("config = %+v", c)
	}
}

func TestTargets(t *testing.T) {
	srv := httptest.NewServer(registry.New())
	defer srv.Close()
	dir := t.TempDir()
	ref := strings.TrimPrefix(srv.URL, "http://") + "/host-agent:test"
	common := []string{"--binary", binary(t), "--name", "host-agent"}
	for _, args := range [][]string{
		{"--push", ref, "--insecure"}, {"--tar", filepath.Join(dir, "a.tar")},
		{"--layout", filepath.Join(dir, "oci")}, {"--layout", filepath.Join(dir, "oci")},
	} {
		if err := build(append(args, common...)); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	r, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Image(r); err != nil {
		t.Errorf("pushed image: %v", err)
	}
	if _, err := tarball.ImageFromPath(filepath.Join(dir, "a.tar"), nil); err != nil {
		t.Errorf("image archive: %v", err)
	}
	if _, err := layout.FromPath(filepath.Join(dir, "oci")); err != nil {
		t.Errorf("image layout: %v", err)
	}
	if err := build(append([]string{"--tar", "x", "--push", ref}, common...)); err == nil {
		t.Error("two targets at once are not refused")
	}
}
