package hops

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"etcd-3.4.16", "etcdctl-3.4.16", "etcd-3.5.30", "etcd-3.5.35", "etcdctl-3.5.35", "etcdutl-3.5.35", "etcd-migrate", "etcdctl-3.6.16"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ versions, want []string }{
		{nil, []string{"etcd-3.4.16", "etcd-3.5.35", "etcdctl-3.4.16", "etcdctl-3.5.35", "etcdutl-3.5.35"}},
		{[]string{"3.5"}, []string{"etcd-3.5.35", "etcdctl-3.5.35", "etcdutl-3.5.35"}},
		{[]string{"3.5.30", "3.4", "3.4.16"}, []string{"etcd-3.4.16", "etcd-3.5.30", "etcdctl-3.4.16"}},
	} {
		got, err := Programs(dir, c.versions)
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%v: %v (-want +got):\n%s", c.versions, err, d)
		}
	}
	for _, versions := range [][]string{{"3.6"}, {"3.6.16"}, {"3.3.27"}, {"2.3"}} {
		if _, err := Programs(dir, versions); !errors.Is(err, ErrMissing) {
			t.Errorf("%v: %v", versions, err)
		}
	}
	if _, err := Programs(t.TempDir(), nil); !errors.Is(err, ErrMissing) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Programs(dir, []string{"latest"}); err == nil || errors.Is(err, ErrMissing) {
		t.Errorf("latest: %v", err)
	}
}
