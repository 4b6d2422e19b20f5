package hops

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMinor(t *testing.T) {
	for in, want := range map[string]string{"3.5": "3.5", "3.5.35": "3.5", "v2.3.8": "2.3", "3": "", "3.8": "", "1.0.0": "", "": ""} {
		got, err := Minor(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Minor(%q) = %q, %v", in, got, err)
		}
	}
}

func TestBetween(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"2.3", "3.1", []string{"3.0", "3.1"}},
		{"3.4", "3.7", []string{"3.5", "3.6", "3.7"}},
		{"3.7", "3.7", nil},
		{"3.7", "3.5", nil},
	} {
		if d := cmp.Diff(c.want, Between(c.from, c.to)); d != "" {
			t.Errorf("from %s to %s (-want +got):\n%s", c.from, c.to, d)
		}
	}
}

func TestGet(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"etcd-3.5.9", "etcd-3.5.35", "etcd-3.5.4", "etcd-3.6.1", "etcd-nothing", "etcdctl-3.4.16"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	path, v, err := b.Get("3.5")
	if err != nil || v != "3.5.35" || filepath.Base(path) != "etcd-3.5.35" {
		t.Errorf("3.5: %s, %s, %v", path, v, err)
	}
	for _, minor := range []string{"3.4", "3.6"} {
		if _, _, err := b.Get(minor); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", minor, err)
		}
	}
}
