package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The manifest that is in git has to be what would be written for its version and sums: nobody edits it by hand, and a change of
// platforms or texts reaches it.
func TestManifestInStep(t *testing.T) {
	have, err := os.ReadFile("../../plugins.yaml")
	if err != nil {
		t.Fatal(err)
	}
	read, err := parseManifest(have)
	if err != nil {
		t.Fatal(err)
	}
	all := platforms()
	if len(read.Platforms) != len(all) {
		t.Fatalf("it has %d platforms, want %v", len(read.Platforms), all)
	}
	m := newManifest(read.Version, releases)
	for i, p := range all {
		m.add(p, read.Platforms[i].SHA256)
	}
	want, err := m.render()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("plugins.yaml is not what make dist writes. It is\n%s\nwant\n%s", have, want)
	}
}

func TestManifestReadsBack(t *testing.T) {
	m := newManifest("v1.2.3", "https://example.org/VERSION/files")
	for i, p := range platforms() {
		m.add(p, strings.Repeat(string(rune('a'+i)), 64))
	}
	text, err := m.render()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != "v1.2.3" || len(got.Platforms) != len(m.Platforms) {
		t.Fatalf("read %+v", got)
	}
	for i, p := range got.Platforms {
		if p != m.Platforms[i] {
			t.Errorf("read %+v, wrote %+v", p, m.Platforms[i])
		}
	}
	for _, want := range []string{"https://example.org/v1.2.3/files/kubectl-upgrade_v1.2.3_windows_arm64.zip", "https://example.org/v1.2.3/files/kubectl-upgrade_v1.2.3_linux_arm.tar.gz"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it does not have %s", want)
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, args := range map[string][]string{
		"bad version":      {"--version", "1.2.3"},
		"partial version":  {"--version", "v1.2"},
		"unknown platform": {"--version", "v1.2.3", "--platform", "plan9/amd64"},
		"no version":       {"--manifest", filepath.Join(t.TempDir(), "none.yaml")},
	} {
		if err := dist(t.Context(), args); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What differs between two machines must not be in an archive: times and rights of files.
func TestArchivesAreTheSame(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	for _, name := range []string{"a.tar.gz", "a.zip"} {
		t.Run(name, func(t *testing.T) {
			var packed [2][]byte
			for i := range packed {
				dir := t.TempDir()
				program := filepath.Join(dir, "program")
				if err := os.WriteFile(program, []byte("program"), 0o600|os.FileMode(i*0o111)); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(program, at, at.Add(time.Duration(i)*time.Hour)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, name)
				if err := write(path, []file{{name: "program", source: program, mode: 0o755}, {name: "man/man1/x.1", data: []byte("x")}}, at); err != nil {
					t.Fatal(err)
				}
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				packed[i] = data
			}
			if !bytes.Equal(packed[0], packed[1]) {
				t.Error("the second archive is another one")
			}
			if got, want := entries(t, name, packed[0]), "-rwxr-xr-x program 2023-11-14T22:13:20Z program\n-rw-r--r-- man/man1/x.1 2023-11-14T22:13:20Z x\n"; got != want {
				t.Errorf("it has\n%swant\n%s", got, want)
			}
		})
	}
}

// entries lists what is in an archive.
func entries(t *testing.T, name string, data []byte) string {
	t.Helper()
	var out strings.Builder
	line := func(info os.FileInfo, name string, r io.Reader) {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(info.Mode().String() + " " + name + " " + info.ModTime().UTC().Format(time.RFC3339) + " " + string(text) + "\n")
	}
	if strings.HasSuffix(name, ".zip") {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			line(f.FileInfo(), f.Name, r)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	g, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(g); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		line(h.FileInfo(), h.Name, r)
	}
}
