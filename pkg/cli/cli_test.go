package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// run executes a command line without a cluster.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	var out, errOut bytes.Buffer
	in := Invocation{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut},
		Stop:      make(chan struct{}),
		Args:      args,
	}
	err = NewRoot(in).ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func TestBadInput(t *testing.T) {
	image := "--agent-image=registry.example/host-agent:v1"
	nowhere := "--server=https://127.0.0.1:1"
	tests := map[string]struct {
		args  []string
		names []string
	}{
		"no target":           {[]string{"cluster", image}, []string{"--to"}},
		"unparsable target":   {[]string{"cluster", "--to", "newest", image}, []string{"--to", "newest"}},
		"target with a minor": {[]string{"cluster", "--to", "1.34", image}, []string{"--to", "1.34", "MAJOR.MINOR.PATCH"}},
		"no agent image":      {[]string{"cluster", "--to", "v1.34.4"}, []string{"--agent-image"}},
		"bad pull policy":     {[]string{"plan", image, "--agent-pull-policy=Sometimes"}, []string{"--agent-pull-policy", "Sometimes"}},
		"bad output":          {[]string{"plan", image, "-o", "xml"}, []string{"--output", "xml"}},
		"bad drain time":      {[]string{"plan", image, "--drain-timeout=0s"}, []string{"--drain-timeout"}},
		"nobody may fetch":    {[]string{"plan", image, "--fetch-at-once=0"}, []string{"--fetch-at-once"}},
		"bad agent time":      {[]string{"plan", image, "--agent-timeout=-1s"}, []string{"--agent-timeout"}},
		"unknown flag":        {[]string{"plan", "--too", "v1.34.4"}, []string{"--too"}},
		"unknown command":     {[]string{"clutser"}, []string{"clutser"}},
		"superfluous word":    {[]string{"cluster", "v1.34.4"}, []string{"v1.34.4"}},
		"no kubeconfig":       {[]string{"plan", image}, []string{"kubeconfig"}},
		"missing kubeconfig":  {[]string{"plan", image, "--kubeconfig=/does/not/exist"}, []string{"/does/not/exist"}},
		"unknown context":     {[]string{"plan", image, "--context=prod"}, []string{"prod"}},
		"nothing listens":     {[]string{"plan", image, nowhere}, []string{"https://127.0.0.1:1", "connection refused"}},
		"check of no etcd":    {[]string{"check", "--to", "v1.34.4", "--etcd", "leave"}, []string{"--etcd", "leave", "keep"}},
		"check that keeps it": {[]string{"check", "--to", "v1.34.4", "--etcd", "keep", nowhere}, []string{"connection refused"}},
		"etcd out of reach":   {[]string{"etcd", "status", image, nowhere}, []string{"nothing listens there"}},
		"download below a file": {[]string{"etcd", "snapshot", image, "--etcd-migrate-image=registry.example/etcd-migrate:v1", nowhere, "--download", "/dev/null/here"},
			[]string{"--download", "/dev/null"}},
		"pushed without agent": {[]string{"bundle", "--to", "v1.34.4", "--debs", "/tmp", "--push", "registry.example/upgrade:v1"}, []string{"--push", "--agent-image", "--agent-archive"}},
		"name unknown":         {[]string{"plan", image, "--server=https://no-such-name.invalid:6443"}, []string{"no-such-name.invalid"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, _, err := run(t, tt.args...)
			if err == nil || Code(err) != Failed {
				t.Fatalf("error %v with code %d, want code %d", err, Code(err), Failed)
			}
			for _, n := range tt.names {
				if !strings.Contains(err.Error(), n) {
					t.Errorf("%q does not name %q", err, n)
				}
			}
			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
		})
	}
}

// TestJSONAlways: with -o json standard output has one report, whatever happened, with the exit code in it.
func TestJSONAlways(t *testing.T) {
	for kind, args := range map[string][]string{
		"ClusterUpgradeReport": {"cluster", "--to", "v1.34.4", "--agent-image=x/y:z", "-o", "json", "--server=https://127.0.0.1:1"},
		"ClusterAbortReport":   {"abort", "--too", "v1.34.4", "-o", "json"},
		"EtcdUpgradeReport":    {"etcd", "3.6", "--output=json"},
		"EtcdVerifyReport":     {"etcd", "verify", "-ojson"},
	} {
		t.Run(kind, func(t *testing.T) {
			stdout, _, err := run(t, args...)
			var report struct {
				Kind, Result, Error string
				ExitCode            int
			}
			if jsonErr := json.Unmarshal([]byte(stdout), &report); jsonErr != nil {
				t.Fatalf("standard output is no JSON: %v\n%s", jsonErr, stdout)
			}
			if report.Kind != kind || report.ExitCode != Code(err) || report.Result != "failed" || report.Error != err.Error() {
				t.Errorf("report %+v for error %v", report, err)
			}
		})
	}
}

func TestCode(t *testing.T) {
	step := &engine.StepError{Step: plan.Step{ID: "nodes/w-1/drain"}, Err: errors.New("blocked")}
	for want, err := range map[int]error{
		Done:        nil,
		Failed:      errors.New("anything"),
		Blocked:     fmt.Errorf("wrapped: %w", &upgrade.BlockedError{Findings: []preflight.Finding{{Severity: preflight.Error}}}),
		Stopped:     &outcomeError{engine.Outcome{Changed: true, Err: step}},
		Declined:    fmt.Errorf("confirm: %w", ui.ErrNotTerminal),
		Interrupted: fmt.Errorf("%w: no further step was started", errInterrupted),
	} {
		if got := Code(err); got != want {
			t.Errorf("Code(%v) = %d, want %d", err, got, want)
		}
	}
	if got := Code(&outcomeError{engine.Outcome{Err: step}}); got != Failed {
		t.Errorf("a failure before any change has code %d, want %d", got, Failed)
	}
	// A run that lost its lock ends through its context, and is no interrupt.
	lost := errors.Join(context.Canceled, upgrade.ErrLockLost)
	if got := Code(&outcomeError{engine.Outcome{Changed: true, Err: lost}}); got != Stopped {
		t.Errorf("Code of a lost lock after a change = %d, want %d", got, Stopped)
	}
	if got := Code(errDeclined); got != Declined {
		t.Errorf("declined has code %d", got)
	}
}

func TestHelpSpeaksOfKubectl(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"plan", "--help"}, {"cluster", "--help"}, {"version", "--help"}} {
		stdout, _, err := run(t, args...)
		if err != nil || !strings.Contains(stdout, "kubectl upgrade") || strings.Contains(stdout, `Use "upgrade `) {
			t.Errorf("help of %v: %v\n%s", args, err, stdout)
		}
	}
}

func TestCommandToGoOn(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"cluster", "--to", "v1.34.4", "--context", "it's prod"}, `kubectl upgrade cluster --to v1.34.4 --context 'it'\''s prod'`},
		// It is kept in the cluster and in reports, where a token may not be.
		{[]string{"cluster", "--token=s3cret", "--to", "v1.34.4"}, "kubectl upgrade cluster --token=TOKEN --to v1.34.4"},
		{[]string{"cluster", "--token", "s3cret"}, "kubectl upgrade cluster --token TOKEN"},
	} {
		r := &runner{in: Invocation{Args: tt.args}}
		if got := r.command(); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestMain(m *testing.M) {
	// A kubeconfig inside a pod would be found by itself.
	os.Unsetenv("KUBERNETES_SERVICE_HOST")
	os.Exit(m.Run())
}
