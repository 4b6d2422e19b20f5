//go:build realetcd

package etcd

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// ask runs a server only as far as to its flags.
func ask(t *testing.T, version string, args ...string) (out string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binDir(t), "etcd-"+version), append([]string{"--version"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH)
	b, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return string(b), err == nil
}

// newerThan16 came to 3.4 after 3.4.16.
var newerThan16 = []string{
	"experimental-enable-lease-checkpoint-persist", "listen-client-http-urls", "max-concurrent-streams", "next-cluster-version-compatible", "tls-max-version", "tls-min-version",
}

// The releases at which the table says that a flag comes or goes are those at which it does, and it needs a value where the table says so.
func TestFlagTable(t *testing.T) {
	for i, version := range releases {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			for _, f := range knowledge.EtcdFlags() {
				first, last := f.First == minorOf(version), f.Last == minorOf(version)
				before := i+1 < len(releases) && f.First == minorOf(releases[i+1])
				after := i > 0 && f.Last == minorOf(releases[i-1])
				if first || last || before || after {
					checkFlag(t, version, f.Name)
				}
			}
		})
	}
}

func checkFlag(t *testing.T, version, name string) {
	t.Helper()
	f, known := knowledge.FlagIn(minorOf(version), name)
	if version == "3.4.16" && slices.Contains(newerThan16, name) {
		known = false
	}
	out, ok := ask(t, version, "--"+name)
	switch {
	case !known && !strings.Contains(out, "not defined: -"+name):
		t.Errorf("--%s is known to it: %s", name, out)
	case known && f.Bool && !ok:
		t.Errorf("--%s: %s", name, out)
	case known && !f.Bool && !strings.Contains(out, "needs an argument: -"+name):
		t.Errorf("--%s: %s", name, out)
	}
}

// What RewriteFlags makes of a command line is taken by the release that it is for.
func TestRewrittenFlags(t *testing.T) {
	for _, c := range []struct{ from, to, line string }{
		{"2.3.8", "3.0.17", "-addr 127.0.0.1:4001 -peer-addr 127.0.0.1:7001 -experimental-v3demo -experimental-auto-compaction-retention 1 -debug"},
		{"3.3.27", "3.4.16", "--ca-file=/ca.pem --peer-ca-file /peer.pem --debug --log-output=stderr --experimental-initial-corrupt-check"},
		{"3.4.16", "3.5.35", "--debug --log-output stderr --log-package-levels=etcdserver=DEBUG --logger=capnslog --experimental-backend-bbolt-freelist-type map --enable-v2"},
		{"3.5.35", "3.6.16", "--enable-v2=false --experimental-initial-corrupt-check=true --experimental-watch-progress-notify-interval=5s --proxy off --v2-deprecation=not-yet " +
			"--discovery-fallback=proxy --experimental-compact-hash-check-enabled --experimental-compact-hash-check-time 1m --experimental-compaction-batch-limit=500"},
		{"3.6.16", "3.7.3", "--experimental-initial-corrupt-check=true --feature-gates=LeaseCheckpoint=true --experimental-enable-lease-checkpoint-persist --experimental-memory-mlock=false --v2-deprecation=write-only"},
		{"3.7.3", "3.6.16", "--feature-gates=FastLeaseKeepAlive=false,InitialCorruptCheck=true --corrupt-check-time 1h"},
		{"3.6.16", "3.5.35", "--feature-gates InitialCorruptCheck=true,CompactHashCheck=false --corrupt-check-time 1h --max-learners=2 --log-format=json --warning-unary-request-duration=1s"},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(c.line)
			if out, ok := ask(t, c.from, words...); !ok {
				t.Fatalf("%s does not take %s: %s", c.from, c.line, out)
			}
			got, changes, problems := knowledge.RewriteFlags(minorOf(c.from), minorOf(c.to), knowledge.ParseArgs(minorOf(c.from), words))
			for _, p := range problems {
				if p.ID != "etcd-flag-loses" {
					t.Errorf("problem: %s", p.Message)
				}
			}
			if out, ok := ask(t, c.to, knowledge.Words(got)...); !ok || len(changes) == 0 {
				t.Errorf("%s does not take %v: %s", c.to, knowledge.Words(got), out)
			}
		})
	}
}

// TestProfiling starts the servers with the flags that open their debugging pages: some register paths that newer runtimes refuse.
func TestProfiling(t *testing.T) {
	t.Parallel()
	for _, version := range releases[1:] {
		flags := []string{"--enable-pprof"}
		if minorOf(version) < "3.5" {
			flags = append(flags, "--debug")
		}
		r := start(t, version, filepath.Join(t.TempDir(), "data"), nil, flags...)
		resp, err := http.Get(r.Endpoint + "/debug/pprof/cmdline")
		if err != nil {
			t.Fatalf("etcd %s: %v", version, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("etcd %s: %s", version, resp.Status)
		}
		r.stop()
	}
}
