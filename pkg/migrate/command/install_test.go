package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestInstall(t *testing.T) {
	bin, dir := t.TempDir(), filepath.Join(t.TempDir(), "bin")
	for _, name := range []string{"etcd-3.5.35", "etcdutl-3.5.35", "etcd-3.6.16"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (int, string) {
		var out, talk bytes.Buffer
		code := Run(t.Context(), append([]string{"install", "--bin-dir", bin}, args...), IO{Out: &out, Err: &talk, Getenv: func(string) string { return "" }})
		return code, out.String()
	}
	for _, first := range []bool{true, false} {
		code, text := run(dir, "--versions", "3.5")
		var got installed
		if err := json.Unmarshal([]byte(text), &got); err != nil || code != 0 {
			t.Fatalf("code %d, %v: %s", code, err, text)
		}
		var names []string
		for _, p := range got.Programs {
			names = append(names, p.Name)
			if p.Copied != first {
				t.Errorf("%s: copied %t", p.Name, p.Copied)
			}
		}
		if len(names) != 3 || names[0] != "etcd-migrate" || names[1] != "etcd-3.5.35" || names[2] != "etcdutl-3.5.35" || got.Dir != dir {
			t.Errorf("got %+v", got)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(self)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.Stat(filepath.Join(dir, "etcd-migrate")); err != nil || have.Size() != want.Size() {
		t.Errorf("this program is not there: %v", err)
	}
	for _, c := range []struct {
		code int
		args []string
	}{{codeUsage, nil}, {codeUsage, []string{dir, "more"}}, {codeMissing, []string{dir, "--versions", "3.4"}}} {
		if code, text := run(c.args...); code != c.code || text != "" {
			t.Errorf("%v: code %d, %q", c.args, code, text)
		}
	}
}
