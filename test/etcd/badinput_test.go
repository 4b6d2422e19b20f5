//go:build realetcd

package etcd

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/command"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// cli runs etcd-migrate and returns its exit code and what it said.
func cli(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := command.Run(t.Context(), append(args, "--bin-dir", binDir(t)), command.IO{Out: &out, Err: &out, Getenv: func(string) string { return "" }})
	return code, out.String()
}

// listing is every file of a member with size and time.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(dir, "member"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // some have no member
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !d.IsDir() {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// overwrite changes bytes in the middle of a file.
func overwrite(t *testing.T, pattern string, at func(size int) int, with string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is %s", pattern)
	}
	path := files[0]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.TrimRight(data, "\x00")
	copy(data[at(len(data)):], with)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func half(size int) int { return size / 2 }

func TestBadInput(t *testing.T) {
	v2dir, v3dir := filepath.Join(t.TempDir(), "v2"), filepath.Join(t.TempDir(), "v3")
	r := start(t, "2.3.8", v2dir, nil)
	fillV2(r)
	r.stop()
	r = start(t, "3.6.16", v3dir, nil)
	fillV3(r)
	r.stop()
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
		{"newer than the target", v3dir, nil, []string{"--to", "3.5"}, 3, "newer than 3.5"},
		{"a version that never was", v2dir, nil, []string{"--to", "3.9"}, 2, "known are"},
		{"half a version", v2dir, nil, []string{"--to", "3"}, 2, "parse etcd version"},
		{"no target", v2dir, nil, nil, 2, "want --to"},
		{"a corrupt log", v2dir, func(t *testing.T, dir string) {
			t.Helper()
			overwrite(t, filepath.Join(dir, "member/wal/*.wal"), half, "XXXX")
		}, []string{"--to", "3.6"}, 1, "corrupt"},
		{"a truncated database", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(datadir.Dir(dir).DB(), 5000); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "read database"},
		{"an empty database", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(datadir.Dir(dir).DB(), 0); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 1, "it is empty"},
		{"no log", v3dir, func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(datadir.Dir(dir).WAL()); err != nil {
				t.Fatal(err)
			}
		}, []string{"--to", "3.7"}, 3, "not an etcd data directory"},
		{"a missing release", v3dir, nil, []string{"--to", "3.7", "--bin-dir", t.TempDir()}, 5, "3.7 in"},
		{"data of v2 kept as such", v2dir, nil, []string{"--to", "3.2", "--target-storage", "etcd2"}, 3, "etcd2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.from != "" {
				if err := tree.Copy(c.from, dir); err != nil {
					t.Fatal(err)
				}
			}
			if c.prepare != nil {
				c.prepare(t, dir)
			}
			before := listing(t, dir)
			args := append([]string{"migrate", "--data-dir", dir, "--bin-dir", binDir(t)}, c.args...)
			var out bytes.Buffer
			code := command.Run(t.Context(), args, command.IO{Out: &out, Err: &out, Getenv: func(string) string { return "" }})
			if code != c.code || !strings.Contains(out.String(), c.say) {
				t.Errorf("exit code %d, want %d and %q: %s", code, c.code, c.say, &out)
			}
			if after := listing(t, dir); after != before {
				t.Errorf("the member has changed:\n%s\n%s", before, after)
			}
		})
	}
}

// A directory that a server works on is left alone, whatever the server's release.
func TestInUse(t *testing.T) {
	for _, version := range releases[:len(releases)-1] {
		dir := filepath.Join(t.TempDir(), "data")
		r := start(t, version, dir, nil)
		if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.7"); code != 4 {
			t.Errorf("etcd %s runs, and the exit code is %d: %s", version, code, out)
		}
		r.stop()
	}
}

// The log may end in anything that a crash while writing leaves: that is no reason to refuse.
func TestTornLog(t *testing.T) {
	origin := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", origin, nil)
	for i := range 20 {
		r.set(http.MethodPut, fmt.Sprintf("/registry/k%02d", i), "value", strings.Repeat("v", 300))
	}
	r.stopped = true
	r.Kill()
	files, err := filepath.Glob(filepath.Join(origin, "member/wal/*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	written := bytes.TrimRight(whole, "\x00")
	last := 20
	for cut := range min(4096, len(written)) {
		if err := os.WriteFile(files[0], written[:len(written)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := datadir.Inspect(datadir.Dir(origin))
		if err != nil {
			t.Fatalf("cut by %d: %v", cut, err)
		}
		// It only ever becomes less, one key after the other.
		if n := i.V2.Keys; n > last || n < last-1 {
			t.Fatalf("cut by %d: %d keys, after %d", cut, n, last)
		}
		last = i.V2.Keys
	}
	if last > 15 {
		t.Errorf("%d keys are left of 20 when 4096 bytes are gone", last)
	}
}
