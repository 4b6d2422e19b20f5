package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tarball is laid out as a release is.
func tarball(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, name := range names {
		text := "\x7fELF " + name
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	z.Close()
	return out.Bytes()
}

func TestRelease(t *testing.T) {
	top := "etcd-v3.5.33-linux-arm64/"
	good := tarball(t, top+"etcd", top+"etcdctl", top+"etcdutl", top+"README.md", top+"Documentation/etcd", "etcd")
	sum := fmt.Sprintf("%x", sha256.Sum256(good))
	const name = "etcd-v3.5.33-linux-arm64.tar.gz"
	published, given := sum+"  "+name+"\n", "" // what the release says, and what who builds says
	body := good
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v3.5.33/"+name:
			w.Write(body)
		case r.URL.Path == "/v3.5.33/SHA256SUMS" && published != "":
			io.WriteString(w, published)
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	wrong := strings.Repeat("0", 64) + "  " + name
	for _, c := range []struct {
		what             string
		body             []byte
		published, given string
		fault            string
	}{
		{"as its release says", good, published, "", ""},
		{"as it was asked for", good, "", sum + " *" + name, ""},
		{"other than asked for", good, published, wrong, "has to be 0000"},
		{"other than published", good, wrong, "", "has to be 0000"},
		{"broken on the way", good[:len(good)-10], published, "", "has to be " + sum},
		{"no sum anywhere", good, "", "", "no sum is given for it"},
		{"not listed", good, "x", "", "does not list"},
		{"no etcd in it", tarball(t, top+"README.md"), "", fmt.Sprintf("%x  %s", sha256.Sum256(tarball(t, top+"README.md")), name), "no etcd in it"},
	} {
		body, published, given = c.body, c.published, c.given
		f := fetcher{client: srv.Client(), mirror: srv.URL, arch: "arm64", out: t.TempDir(), sums: parseSums(given), log: io.Discard}
		err := f.release(t.Context(), "3.5.33")
		have := map[string]string{}
		entries, readErr := os.ReadDir(f.out)
		if readErr != nil {
			t.Fatal(readErr)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(f.out, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			have[e.Name()] = string(data)
		}
		want := map[string]string{}
		if c.fault == "" {
			for _, n := range []string{"etcd", "etcdctl", "etcdutl"} {
				want[n+"-3.5.33"] = "\x7fELF " + top + n
			}
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", c.what, err)
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, d)
		}
	}
}
