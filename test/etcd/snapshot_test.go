//go:build realetcd

package etcd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

// TestSnapshot saves, verifies and restores the data of each v3 release, and of members that were killed.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	for _, version := range releases[1:] {
		t.Run(version, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			r := start(t, version, dir, nil)
			fillV3(r)
			want := r.dumpV3()
			writeLast(t, r, dir, &want)
			r.stopped = true
			r.Kill()
			file := filepath.Join(t.TempDir(), "snapshot.db")
			saved, err := migrate.Save(t.Context(), options(t, dir, ""), file)
			if err != nil {
				t.Fatal(err)
			}
			if saved.Revision != want.Revision || saved.Keys != len(want.Items) {
				t.Errorf("%d keys at revision %d are saved, and %d at %d were served", saved.Keys, saved.Revision, len(want.Items), want.Revision)
			}
			if _, err := migrate.Verify(t.Context(), options(t, "", ""), file); err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(t.TempDir(), "new")
			if err := os.Mkdir(to, 0o700); err != nil {
				t.Fatal(err)
			}
			member := migrate.Member{Name: "m1", PeerURL: "http://127.0.0.1:2380"}
			if _, err := migrate.RestoreSnapshot(options(t, to, version), file, member, 1_000_000, false); err != nil {
				t.Fatal(err)
			}
			s := start(t, version, to, nil)
			got := s.dumpV3()
			if got.Revision != want.Revision+1_000_000 {
				t.Errorf("revision %d has become %d", want.Revision, got.Revision)
			}
			got.Revision, got.Members = want.Revision, want.Members
			same(t, want, got)
			s.stop()
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "3.6.16", dir, nil)
	fillV3(r)
	r.stop()
	for name, change := range map[string]func(data []byte) []byte{
		"a flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"a wrong sum":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"cut off":       func(b []byte) []byte { return b[:len(b)/2] },
		"no sum":        func(b []byte) []byte { return b[:len(b)-32] },
	} {
		file := filepath.Join(t.TempDir(), "snapshot.db")
		if _, err := migrate.Save(t.Context(), options(t, dir, ""), file); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, change(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := migrate.Verify(t.Context(), options(t, "", ""), file); err == nil {
			t.Errorf("%s: verified", name)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".verify-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
	if _, err := migrate.Save(t.Context(), options(t, dir, ""), filepath.Join(dir, "member", "snap", "db")); err == nil {
		t.Error("a file that is there is replaced")
	}
	if _, err := datadir.Inspect(datadir.Dir(dir)); err != nil {
		t.Error(err)
	}
}
