//go:build realetcd

package etcd

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/command"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// cli runs etcd-migrate and returns its exit code and what it said.
func cli(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	words := 1
	if args[0] == "snapshot" {
		words = 2
	}
	args = slices.Insert(slices.Clone(args), words, "--bin-dir", binDir(t))
	code := command.Run(t.Context(), args, command.IO{Out: &out, Err: &out, Getenv: func(string) string { return "" }})
	return code, out.String()
}

// listing is everything below a directory, byte for byte.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) && path == dir {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := [sha256.Size]byte{}
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(data)
		}
		fmt.Fprintf(&b, "%s %s %x\n", path, info.Mode(), sum[:8])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// overwrite changes bytes in each file, from a part of its length on.
func overwrite(t *testing.T, pattern string, part float64, with string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is %s", pattern)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[int(float64(len(bytes.TrimRight(data, "\x00")))*part):], with)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadInput wants a word about the cause, the right exit code, and everything as it was.
func TestBadInput(t *testing.T) {
	t.Parallel()
	v2dir, v3dir, old := filepath.Join(t.TempDir(), "v2"), filepath.Join(t.TempDir(), "v3"), ""
	r := start(t, "2.3.8", v2dir, nil)
	fillV2(r)
	r.stop()
	old = migrated(t, v2dir, "3.5", migrate.Auto) // its log begins at its snapshot
	r = start(t, "3.6.16", v3dir, nil)
	fillV3(r)
	r.stop()
	db, logs := "member/snap/db", "member/wal/*.wal"
	for _, c := range []struct {
		name    string
		from    string
		prepare func(t *testing.T, dir string)
		args    []string
		code    int
		say     string
	}{
		{"not a data directory", "", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.6"}, 3, "holiday.jpg"},
		{"no directory", "", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.6"}, 1, "no such file"},
		{"newer than the target", v3dir, nil, []string{"--to", "3.5"}, 3, "newer than 3.5; --downgrade"},
		{"newer than any way back", v3dir, nil, []string{"--to", "3.4", "--downgrade"}, 3, "back to 3.5 at most"},
		{"a version that never was", v2dir, nil, []string{"--to", "3.9"}, 2, "known are"},
		{"half a version", v2dir, nil, []string{"--to", "3"}, 2, "parse etcd version"},
		{"no target", v2dir, nil, nil, 2, "want --to"},
		{"a strategy that is none", v2dir, nil, []string{"--to", "3.6", "--strategy", "magic"}, 2, "want --strategy"},
		{"a corrupt log", v2dir, func(t *testing.T, dir string) {
			t.Helper()
			overwrite(t, filepath.Join(dir, logs), 0.5, "XXXX")
		}, []string{"--to", "3.6"}, 1, "write-ahead log is corrupt"},
		{"a corrupt log of 3.6", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			overwrite(t, filepath.Join(dir, logs), 0.5, "XXXX")
		}, []string{"--to", "3.7"}, 1, "write-ahead log is corrupt"},
		{"a corrupt snapshot", old, func(t *testing.T, dir string) {
			t.Helper()
			overwrite(t, filepath.Join(dir, "member/snap/*.snap"), 0.5, "XXXX")
		}, []string{"--to", "3.6"}, 1, ".snap cannot be read"},
		{"a truncated database", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(filepath.Join(dir, db), 5000); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "read database"},
		{"half a database", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(filepath.Join(dir, db), 3*4096); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "read database"},
		{"a database of rubbish", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			data, err := os.ReadFile(filepath.Join(dir, db))
			if err != nil {
				t.Fatal(err)
			}
			copy(data[2*4096:], bytes.Repeat([]byte{0xff}, len(data)-2*4096))
			if err := os.WriteFile(filepath.Join(dir, db), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "read database"},
		{"an empty database", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(filepath.Join(dir, db), 0); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "it is empty"},
		{"no database", old, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, db)); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "there is no database"},
		{"no log", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(datadir.Dir(dir).WAL()); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 3, "not an etcd data directory"},
		{"a missing release", v3dir, nil, []string{"--to", "3.7", "--bin-dir", t.TempDir()}, 5, "3.7 in"},
		{"data of v2 kept as such", v2dir, nil, []string{"--to", "3.2", "--target-storage", "etcd2"}, 3, "etcd2"},
		{"a clock that was set back", v2dir, func(t *testing.T, dir string) {
			t.Helper()
			// A leader lets go what has expired, at a time of its own.
			appendLog(t, dir, 1, v2Request("SYNC", "", "", time.Now().Add(10*time.Minute)))
		}, []string{"--to", "3.6"}, 3, "set the clock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.from != "" {
				dir = clone(t, c.from)
			}
			if c.prepare != nil {
				c.prepare(t, dir)
			}
			before := listing(t, dir)
			code, out := cli(t, append([]string{"migrate", "--data-dir", dir}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.say) {
				t.Errorf("exit code %d, want %d and %q: %s", code, c.code, c.say, out)
			}
			if after := listing(t, dir); after != before {
				t.Errorf("the directory has changed:\n%s\n%s", before, after)
			}
		})
	}
}

// clone is a copy that a test may change.
func clone(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := tree.Copy(dir, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// A snapshot of the v2 store that is broken does no harm where the log goes back to its beginning.
func TestBrokenSnapshot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil, "--snapshot-count", "30")
	fillV2(r)
	want := r.dumpV2(hidden...)
	r.stop()
	overwrite(t, filepath.Join(dir, "member/snap/*.snap"), 0.5, "XXXX")
	if broken := inspect(t, dir).Raft.BrokenSnapshots; len(broken) == 0 {
		t.Error("no snapshot is broken")
	}
	serves(t, "3.6.16", migrated(t, dir, "3.6", migrate.Auto), want)
}

// A directory that a server works on is left alone, whatever the server's release, and so is one that another
// etcd-migrate works on.
func TestInUse(t *testing.T) {
	t.Parallel()
	for _, version := range releases[:len(releases)-1] {
		dir := filepath.Join(t.TempDir(), "data")
		r := start(t, version, dir, nil)
		if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.7"); code != 4 {
			t.Errorf("etcd %s runs, and the exit code is %d: %s", version, code, out)
		}
		r.stop()
		release, err := datadir.Dir(dir).Lock()
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"migrate", "--to", "3.7"}, {"rollback"}, {"purge-v2"}} {
			if code, out := cli(t, append(args, "--data-dir", dir)...); code != 4 {
				t.Errorf("%s while another works on etcd %s: exit code %d: %s", args[0], version, code, out)
			}
		}
		release()
	}
}

// TestBadSnapshot gives verify and restore files that are none.
func TestBadSnapshot(t *testing.T) {
	t.Parallel()
	dir, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "snapshot.db")
	r := start(t, "3.6.16", dir, nil)
	fillV3(r)
	r.stop()
	if code, out := cli(t, "snapshot", "save", file, "--data-dir", dir); code != 0 {
		t.Fatalf("save: %d, %s", code, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	for name, args := range map[string][]string{
		"verify a wrong hash":  {"snapshot", "verify", file},
		"restore a wrong hash": {"snapshot", "restore", file, "--data-dir", dir},
		"restore no file":      {"snapshot", "restore", file + "x", "--data-dir", dir},
		"save over a file":     {"snapshot", "save", file, "--data-dir", dir},
	} {
		if code, out := cli(t, args...); code == 0 || !strings.Contains(out, "snapshot.db") {
			t.Errorf("%s: exit code %d: %s", name, code, out)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("%s: the directory has changed:\n%s\n%s", name, before, after)
		}
	}
}
