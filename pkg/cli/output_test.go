package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"
)

// TestEventsAlways: with --events json standard output has lines of JSON and nothing else, from the version to the result.
func TestEventsAlways(t *testing.T) {
	for name, args := range map[string][]string{
		"no connection": {"cluster", "--to", "v1.34.4", "--agent-image=x/y:z", "--events", "json", "--server=https://127.0.0.1:1"},
		"a wrong flag":  {"abort", "--too", "v1.34.4", "--events=json"},
	} {
		stdout, _, err := run(t, args...)
		var types []string
		var last struct {
			Result struct {
				ExitCode int
				Error    string
			}
		}
		for line := range strings.Lines(stdout) {
			var e struct{ Type string }
			if jsonErr := json.Unmarshal([]byte(line), &e); jsonErr != nil {
				t.Fatalf("%s: %q is no JSON: %v", name, line, jsonErr)
			}
			types = append(types, e.Type)
			if jsonErr := json.Unmarshal([]byte(line), &last); jsonErr != nil {
				t.Fatal(jsonErr)
			}
		}
		if len(types) < 2 || types[0] != "stream" || types[len(types)-1] != "result" {
			t.Errorf("%s: types %v", name, types)
		}
		if err == nil || last.Result.ExitCode != Code(err) || last.Result.Error != err.Error() {
			t.Errorf("%s: the last line says %+v for error %v", name, last, err)
		}
	}
}

func TestYAML(t *testing.T) {
	stdout, _, err := run(t, "plan", "--to", "v1.34.4", "--agent-image=x/y:z", "-o", "yaml", "--server=https://127.0.0.1:1")
	var report struct {
		Kind     string
		ExitCode int
	}
	if yamlErr := yaml.Unmarshal([]byte(stdout), &report); yamlErr != nil || report.Kind != clusterReport || report.ExitCode != Code(err) {
		t.Errorf("%+v, %v\n%s", report, yamlErr, stdout)
	}
}

// TestReportsAlways: a report file is written whatever happened.
func TestReportsAlways(t *testing.T) {
	dir := t.TempDir()
	page, text := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.json")
	_, stderr, err := run(t, "cluster", "--to", "v1.34.4", "--agent-image=x/y:z", "--server=https://127.0.0.1:1", "--report", page, "--report", text)
	if err == nil {
		t.Fatal("nothing listens, and all is well")
	}
	for _, file := range []string{page, text} {
		got, readErr := os.ReadFile(file)
		if readErr != nil || !strings.Contains(string(got), "connection refused") || !strings.Contains(stderr, file) {
			t.Errorf("%s: %v, announced: %t\n%s", file, readErr, strings.Contains(stderr, file), got)
		}
	}
}

func TestBadOutput(t *testing.T) {
	image := "--agent-image=x/y:z"
	for name, tt := range map[string]struct {
		args  []string
		names []string
	}{
		"events of what":      {[]string{"plan", image, "--events", "xml"}, []string{"--events", "xml", "json"}},
		"two on one stream":   {[]string{"plan", image, "--events", "json", "-o", "yaml"}, []string{"--events", "--report", "--output"}},
		"a report of what":    {[]string{"plan", image, "--report", "r.pdf"}, []string{"--report", "r.pdf", ".html"}},
		"a report nowhere":    {[]string{"plan", image, "--report", "/does/not/exist/r.md"}, []string{"--report", "/does/not/exist"}},
		"a plan nowhere":      {[]string{"plan", image, "--save", "/does/not/exist/p.json"}, []string{"--save", "/does/not/exist"}},
		"an unknown output":   {[]string{"plan", image, "-o", "xml"}, []string{"--output", "xml"}},
		"apply nothing":       {[]string{"apply"}, []string{"want one file of a plan", "--help"}},
		"apply no file":       {[]string{"apply", "/does/not/exist"}, []string{"/does/not/exist"}},
		"apply what is none":  {[]string{"apply", os.Args[0]}, []string{"not JSON"}},
		"explain the unknown": {[]string{"explain", "pdb"}, []string{`"pdb"`, "pdb-never"}},
	} {
		stdout, _, err := run(t, tt.args...)
		if err == nil || Code(err) != Failed {
			t.Errorf("%s: %v with code %d", name, err, Code(err))
			continue
		}
		for _, n := range tt.names {
			if !strings.Contains(err.Error(), n) {
				t.Errorf("%s: %q does not name %q", name, err, n)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s is told twice: %q", name, err)
		}
		if strings.Contains(strings.Join(tt.args, " "), "xml") && stdout != "" {
			t.Errorf("%s: standard output has %q", name, stdout)
		}
	}
}

// TestApplyRunsTheSavedPlan: apply means the same as --plan, with the flags that may stand beside it.
func TestApplyRunsTheSavedPlan(t *testing.T) {
	path := savePlan(t)
	_, stderr, err := run(t, "apply", path, "--agent-image=x/y:z", "--yes", "--server=https://127.0.0.1:1", "-o", "json")
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v, want one of the connection\n%s", err, stderr)
	}
	if _, _, err := run(t, "apply", path, "--agent-image=x/y:z", "--max-unavailable=3"); err == nil || !strings.Contains(err.Error(), "--max-unavailable") {
		t.Errorf("a flag that the plan decides: %v", err)
	}
	if _, _, err := run(t, "apply", path, "--agent-image=x/y:z", "--etcd-migrate-image=a/b:c"); err == nil || !strings.Contains(err.Error(), "--etcd-migrate-image") {
		t.Errorf("a flag of another kind of plan: %v", err)
	}
	text, readErr := os.ReadFile(path)
	if readErr != nil {
		t.Fatal(readErr)
	}
	changed := filepath.Join(t.TempDir(), "changed.json")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), `"maxUnavailable":2`, `"maxUnavailable":9`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, "apply", changed, "--agent-image=x/y:z"); err == nil || !strings.Contains(err.Error(), "changed after it was made") {
		t.Errorf("a plan that was changed by hand: %v", err)
	}
}

// TestApplyGoesOnWhereItWas: the command that a run ends with leads to the same cluster, whose connection belongs to no command of its own.
func TestApplyGoesOnWhereItWas(t *testing.T) {
	in := Invocation{Args: []string{"apply"}}
	kubectl := NewRoot(in)
	cmd, rest, err := kubectl.Find(append(asRoot(in.Args), savePlan(t), "--context=prod", "--token=s3cret", "--as-group=a", "--as-group=b", "--agent-image=x/y:z", "--report=r.html", "--report=r.md"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	a := &apply{in: in, flags: genericclioptions.NewConfigFlags(true), cmd: cmd}
	run := a.runs(cmd.Flags().Arg(0))
	if err := a.hand(run.typed); err != nil {
		t.Fatal(err)
	}
	// It is read once: a pipe has nothing for a second time.
	if err := os.Remove(run.planFile); err != nil {
		t.Fatal(err)
	}
	if _, err := run.loadPlan(); err != nil {
		t.Fatal(err)
	}
	got := run.command()
	for _, want := range []string{"kubectl upgrade cluster ", " --context=prod", " --as-group=a --as-group=b ", " --report=r.html --report=r.md ", " --to=v1.34.4", " --max-unavailable=2 ", " --token=TOKEN "} {
		if !strings.Contains(got+" ", want) {
			t.Errorf("to go on: %s, which lacks %q", got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	stdout, _, err := run(t, "explain", "pdb-never")
	if err != nil || !strings.Contains(stdout, "pdb-never (preflight)\n  cause: ") || !strings.Contains(stdout, "\n  see:   https://") {
		t.Errorf("%v\n%s", err, stdout)
	}
	for line := range strings.Lines(stdout) {
		if len(line) > 112 {
			t.Errorf("a long line: %s", line)
		}
	}
	if stdout, _, err = run(t, "explain"); err != nil || !strings.Contains(stdout, "SAID BY") || strings.Count(stdout, "\n") < 100 {
		t.Errorf("%v\n%s", err, stdout)
	}
	var rows []struct{ ID string }
	stdout, _, err = run(t, "explain", "pdb-never", "-o", "json")
	if jsonErr := json.Unmarshal([]byte(stdout), &rows); err != nil || jsonErr != nil || len(rows) != 1 || rows[0].ID != "pdb-never" {
		t.Errorf("%v, %v\n%s", err, jsonErr, stdout)
	}
	stdout, _, err = run(t, "explain", "-o", "json", "flag", "provided", "but", "not", "defined:", "-debug")
	if jsonErr := json.Unmarshal([]byte(stdout), &rows); err != nil || jsonErr != nil || len(rows) != 1 || rows[0].ID != "etcd-log-flag" {
		t.Errorf("%v, %v\n%s", err, jsonErr, stdout)
	}
}
