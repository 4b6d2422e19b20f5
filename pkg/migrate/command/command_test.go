package command

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

// run runs a command line and gives what standard output and error say.
func run(t *testing.T, env map[string]string, args ...string) (code int, out, talk string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), args, IO{Out: &o, Err: &e, Getenv: func(name string) string { return env[name] }})
	return code, o.String(), e.String()
}

// TestFailure says why there is no result where a result would have been, with the exit code that the process has.
func TestFailure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "termination-log")
	code, out, _ := run(t, nil, "migrate", "--data-dir", dir, "--to", "3.6", "-o", "json", "--termination-log", log)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for place, data := range map[string]string{"standard output": out, "the termination log": string(text)} {
		var f failure
		if err := json.Unmarshal([]byte(data), &f); err != nil || f.ExitCode != code || code != codeRefused || !strings.Contains(f.Error, "holiday.jpg") {
			t.Errorf("exit code %d, %s: %v, %s", code, place, err, data)
		}
	}
	if _, out, talk := run(t, nil, "migrate", "--data-dir", dir, "--to", "3.6"); out != "" || !strings.Contains(talk, "holiday.jpg") {
		t.Errorf("for people: %q, %q", out, talk)
	}
}

// TestTerminationLimit keeps to what a kubelet keeps, whatever there is to say.
func TestTerminationLimit(t *testing.T) {
	log := filepath.Join(t.TempDir(), "termination-log")
	a := &app{IO: IO{Out: new(bytes.Buffer)}, termination: log}
	plan := &migrate.Plan{From: "2.3", To: "3.7", Notes: []string{strings.Repeat("a note ", 1000)}}
	for _, v := range []any{summarize(&migrate.Result{Plan: plan, Keys: 7}), failure{}} {
		if f, ok := v.(failure); ok {
			f.Error = strings.Repeat("a server said \"much\"\n", 1000)
			a.fail(textError(f.Error))
		} else if err := a.terminate(v); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(log)
		if err != nil || len(data) > terminationLimit || !json.Valid(data) {
			t.Errorf("%d bytes, valid %t, %v", len(data), json.Valid(data), err)
		}
	}
}

type textError string

func (e textError) Error() string { return string(e) }

// TestMoveBinaries has the image's links lead to the target where an old manifest asked for it, and nobody else.
func TestMoveBinaries(t *testing.T) {
	old := map[string]string{"TARGET_VERSION": "3.5.9", "TARGET_STORAGE": "etcd3"}
	keep := maps.Clone(old)
	keep["DO_NOT_MOVE_BINARIES"] = "true"
	before := map[string]string{"etcd": "etcd-3.6.16", "etcdctl": "etcdctl-3.6.16"}
	after := map[string]string{"etcd": "etcd-3.5.35", "etcdctl": "etcdctl-3.5.35"}
	for _, c := range []struct {
		env  map[string]string
		args []string
		want map[string]string
	}{
		{old, nil, after}, {keep, nil, before}, {nil, []string{"--to", "3.5"}, before}, {old, []string{"--to", "3.5"}, before},
	} {
		bin, data := t.TempDir(), t.TempDir()
		for _, name := range []string{"etcd-3.5.35", "etcdctl-3.5.35", "etcd-3.6.16", "etcdctl-3.6.16", "etcdutl-3.5.35"} {
			if err := os.WriteFile(filepath.Join(bin, name), []byte(name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for name, to := range before {
			if err := os.Symlink(to, filepath.Join(bin, name)); err != nil {
				t.Fatal(err)
			}
		}
		// A host has programs there, which are none of ours.
		if err := os.WriteFile(filepath.Join(bin, "etcdutl"), []byte("the host's"), 0o700); err != nil {
			t.Fatal(err)
		}
		if code, _, talk := run(t, c.env, append([]string{"migrate", "--data-dir", data, "--bin-dir", bin}, c.args...)...); code != 0 {
			t.Fatalf("%v: exit code %d: %s", c, code, talk)
		}
		got := map[string]string{}
		for name := range before {
			to, err := os.Readlink(filepath.Join(bin, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = to
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v %v (-want +got):\n%s", c.env, c.args, d)
		}
		if text, err := os.ReadFile(filepath.Join(bin, "etcdutl")); err != nil || string(text) != "the host's" {
			t.Errorf("the host's own program is %q, %v", text, err)
		}
	}
}
