package knowledge

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settings reads a command line in which words with ETCD_ are variables.
func settings(minor, line string) []Arg {
	var words []string
	var env []Arg
	for _, w := range strings.Fields(line) {
		name, value, _ := strings.Cut(w, "=")
		if a, ok := EnvArg(name, value); ok {
			env = append(env, a)
			continue
		}
		words = append(words, w)
	}
	return append(ParseArgs(minor, words), env...)
}

func line(args []Arg) string {
	var out []string
	for _, a := range args {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

func TestRewriteFlags(t *testing.T) {
	for _, c := range []struct {
		name, from, to, in, want string
		problems                 string
	}{
		{"nothing to do", "3.5", "3.5", "--name=a --data-dir /var/lib/etcd -snapshot-count=10000", "--name=a --data-dir /var/lib/etcd -snapshot-count=10000", ""},
		{"kubeadm's own", "3.5", "3.6", "--experimental-initial-corrupt-check=true --experimental-watch-progress-notify-interval=5s --name=a",
			"--feature-gates=InitialCorruptCheck=true --watch-progress-notify-interval=5s --name=a", ""},
		{"several experiments into one --feature-gates", "3.5", "3.6",
			"--name=a --experimental-initial-corrupt-check --data-dir=/d --experimental-compact-hash-check-enabled=true --experimental-stop-grpc-service-on-defrag=false",
			"--name=a --feature-gates=InitialCorruptCheck=true,CompactHashCheck=true,StopGRPCServiceOnDefrag=false --data-dir=/d", ""},
		{"into the one that is there", "3.6", "3.7", "--experimental-initial-corrupt-check=true --feature-gates LeaseCheckpoint=true --name a",
			"--feature-gates LeaseCheckpoint=true,InitialCorruptCheck=true --name a", ""},
		{"a gate that is set already", "3.6", "3.7", "--experimental-initial-corrupt-check=true --feature-gates=InitialCorruptCheck=false", "--feature-gates=InitialCorruptCheck=false", ""},
		{"old names that 3.6 still knew", "3.6", "3.7", "--experimental-compaction-batch-limit=500 --experimental-corrupt-check-time 4h", "--compaction-batch-limit=500 --corrupt-check-time 4h", ""},
		{"over two minors", "3.5", "3.7", "-experimental-memory-mlock -discovery=https://d/1", "-memory-mlock", ""},
		{"both names", "3.6", "3.7", "--experimental-corrupt-check-time=4h --corrupt-check-time=5h", "--corrupt-check-time=5h", ""},
		{"the same flag twice", "3.5", "3.6", "--experimental-corrupt-check-time=4h --experimental-corrupt-check-time=5h", "--corrupt-check-time=5h", ""},
		{"the same gate twice", "3.5", "3.6", "--experimental-initial-corrupt-check=true --experimental-initial-corrupt-check=false", "--feature-gates=InitialCorruptCheck=false", ""},
		{"two that stay are left", "3.5", "3.6", "--name=a --name=b", "--name=a --name=b", ""},
		{"a gate that is no truth value", "3.5", "3.6", "--experimental-initial-corrupt-check=yes", "--experimental-initial-corrupt-check=yes", "etcd-flag-value, etcd-flag-value"},

		{"the v2 API was off", "3.5", "3.6", "--enable-v2=false --name=a --proxy=off", "--name=a", ""},
		{"the v2 API was on", "3.5", "3.6", "--enable-v2 --name=a", "--name=a", "etcd-flag-loses"},
		{"the v2 API was on, the other way", "3.5", "3.6", "--enable-v2=1", "", "etcd-flag-loses"},
		{"the v2 API was emulated", "3.5", "3.6", "--experimental-enable-v2v3=/v2", "", "etcd-flag-loses"},
		{"a proxy", "3.5", "3.6", "--proxy on --proxy-read-timeout 5", "", "etcd-flag-loses"},
		{"values that are gone", "3.5", "3.6", "--v2-deprecation=not-yet --discovery-fallback=proxy", "", ""},
		{"values that stay", "3.5", "3.6", "--v2-deprecation=write-only --discovery-fallback=exit", "--v2-deprecation=write-only --discovery-fallback=exit", ""},

		{"logs", "3.4", "3.5", "--logger=capnslog --log-output=stderr --log-package-levels=etcdserver=DEBUG --debug", "--log-outputs=stderr --log-level=debug", ""},
		{"logs, off", "3.4", "3.5", "--logger=zap --debug=false", "--logger=zap", ""},
		{"a level that is set already", "3.4", "3.5", "--debug=true --log-level=warn", "--log-level=warn", ""},
		{"3.4 keeps what it knows", "3.3", "3.4", "--debug --log-output=stderr", "--debug --log-output=stderr", ""},
		{"3.4 to 3.5", "3.4", "3.5", "--experimental-backend-bbolt-freelist-type map --next-cluster-version-compatible", "--backend-bbolt-freelist-type map", ""},
		{"a CA file implied client certificates", "3.3", "3.4", "--ca-file=/ca.pem --name=a", "--trusted-ca-file=/ca.pem --client-cert-auth=true --name=a", ""},
		{"in two words", "3.3", "3.4", "-ca-file /ca.pem -peer-ca-file /peer.pem", "-trusted-ca-file /ca.pem -client-cert-auth=true -peer-trusted-ca-file /peer.pem -peer-client-cert-auth=true", ""},
		{"both CA files, the same", "3.3", "3.4", "--ca-file=/ca.pem --trusted-ca-file=/ca.pem --client-cert-auth=false", "--trusted-ca-file=/ca.pem --client-cert-auth=true", ""},
		{"both CA files", "3.3", "3.4", "--ca-file=/old.pem --trusted-ca-file=/ca.pem --client-cert-auth", "--trusted-ca-file=/ca.pem --client-cert-auth", "etcd-flag-conflict"},

		{"addresses of 0.x", "2.3", "3.0", "-addr 10.0.0.1:4001 -peer-addr 10.0.0.1:7001 -peer-bind-addr 0.0.0.0:7001 -peer-cert-file /p.pem",
			"-advertise-client-urls http://10.0.0.1:4001 -listen-client-urls http://[::]:4001 -initial-advertise-peer-urls https://10.0.0.1:7001 -listen-peer-urls https://0.0.0.0:7001 -peer-cert-file /p.pem", ""},
		{"addresses and URLs", "2.3", "3.0", "-addr=10.0.0.1:4001 -advertise-client-urls=http://10.0.0.1:2379 -listen-client-urls=http://10.0.0.1:2379",
			"-advertise-client-urls=http://10.0.0.1:2379 -listen-client-urls=http://10.0.0.1:2379", ""},
		{"the v3 demo", "2.3", "3.0", "-experimental-v3demo -experimental-gRPC-addr 127.0.0.1:2378 -experimental-auto-compaction-retention 1", "-auto-compaction-retention 1", ""},
		{"all the way", "2.3", "3.7", "-name a -addr 10.0.0.1:2379 -ca-file /ca.pem -cert-file /c.pem -debug",
			"-name a -advertise-client-urls https://10.0.0.1:2379 -listen-client-urls https://[::]:2379 -trusted-ca-file /ca.pem -client-cert-auth=true -cert-file /c.pem -log-level=debug", ""},

		{"down, names", "3.6", "3.5", "--watch-progress-notify-interval=5s --feature-gates=InitialCorruptCheck=true,LeaseCheckpoint=false --name=a",
			"--experimental-watch-progress-notify-interval=5s --experimental-initial-corrupt-check=true --experimental-enable-lease-checkpoint=false --name=a", ""},
		{"down, in two words", "3.6", "3.5", "--feature-gates CompactHashCheck=true --compact-hash-check-time 1m", "--experimental-compact-hash-check-enabled=true --experimental-compact-hash-check-time 1m", ""},
		{"down, names that 3.6 had kept", "3.6", "3.5", "--experimental-initial-corrupt-check=true", "--experimental-initial-corrupt-check=true", ""},
		{"down, what came with 3.6", "3.6", "3.5", "--max-learners=2 --log-format=console --discovery-token=x --discovery-endpoints=http://d", "", ""},
		{"down, a gate without a flag", "3.6", "3.5", "--feature-gates=SetMemberLocalAddr=true,AllAlpha=false", "", "etcd-flag-loses"},
		{"down from 3.7", "3.7", "3.6", "--feature-gates=FastLeaseKeepAlive=false,InitialCorruptCheck=true --name=a", "--feature-gates=InitialCorruptCheck=true --name=a", ""},
		{"down from 3.7, nothing left", "3.7", "3.6", "--feature-gates=PriorityRequest=true --name=a", "--name=a", ""},
		{"down over two", "3.7", "3.5", "--feature-gates=FastLeaseKeepAlive=true,InitialCorruptCheck=true --corrupt-check-time=1h", "--experimental-initial-corrupt-check=true --experimental-corrupt-check-time=1h", ""},
		{"there and back is where it was", "3.5", "3.5", "--experimental-initial-corrupt-check=true", "--experimental-initial-corrupt-check=true", ""},

		{"unknown", "3.5", "3.6", "--name=a --no-such-thing=1", "--name=a --no-such-thing=1", "etcd-flag-unknown"},
		{"unknown in the same minor", "3.6", "3.6", "--enable-v2=false", "--enable-v2=false", "etcd-flag-unknown"},
		{"an unknown gate", "3.6", "3.7", "--feature-gates=NoSuchThing=true", "--feature-gates=NoSuchThing=true", "etcd-gate-unknown"},
		{"an operand", "3.5", "3.6", "--name=a junk --more", "--name=a junk --more", "etcd-operand, etcd-operand"},
		{"a value of a flag that takes none", "3.5", "3.6", "--pre-vote true", "--pre-vote true", "etcd-operand"},
		{"no value", "3.5", "3.6", "--name", "--name", "etcd-flag-value"},
		{"no truth value", "3.5", "3.6", "--pre-vote=maybe", "--pre-vote=maybe", "etcd-flag-value"},
		{"ignored since 2.x", "3.5", "3.7", "-snapshot -v", "-snapshot -v", ""},
		{"unknown minor", "3.5", "3.8", "--name=a", "--name=a", "etcd-unknown"},

		{"variables", "3.5", "3.6", "ETCD_NAME=a ETCD_ENABLE_V2=false ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=true ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME=1h",
			"ETCD_NAME=a ETCD_FEATURE_GATES=InitialCorruptCheck=true ETCD_CORRUPT_CHECK_TIME=1h", ""},
		{"variables down", "3.6", "3.5", "ETCD_FEATURE_GATES=InitialCorruptCheck=true ETCD_CORRUPT_CHECK_TIME=1h",
			"ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=true ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME=1h", ""},
		{"a variable implied client certificates", "3.3", "3.4", "ETCD_CA_FILE=/ca.pem", "ETCD_TRUSTED_CA_FILE=/ca.pem ETCD_CLIENT_CERT_AUTH=true", ""},
		{"gates in flags and variables", "3.5", "3.6", "--experimental-initial-corrupt-check=true ETCD_EXPERIMENTAL_ENABLE_LEASE_CHECKPOINT=true", "--feature-gates=InitialCorruptCheck=true,LeaseCheckpoint=true", ""},
		{"a variable that etcd does not know", "3.5", "3.6", "ETCD_CERT_DIR=/x ETCD_UNSUPPORTED_ARCH=arm64", "ETCD_CERT_DIR=/x ETCD_UNSUPPORTED_ARCH=arm64", "etcd-variable-unknown?"},
		{"a variable that it no longer heeds", "3.6", "3.6", "ETCD_ENABLE_V2=false", "ETCD_ENABLE_V2=false", "etcd-setting-unknown?"},
		{"a variable and a flag", "3.5", "3.6", "--name=a ETCD_NAME=b", "--name=a ETCD_NAME=b", "etcd-set-twice"},
		{"a variable and a flag before 3.4", "3.2", "3.3", "--name=a ETCD_NAME=b", "--name=a ETCD_NAME=b", "etcd-set-twice?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := settings(c.from, c.in)
			before := line(in)
			got, changes, problems := RewriteFlags(c.from, c.to, in)
			if d := cmp.Diff(c.want, line(got)); d != "" {
				t.Errorf("from %s to %s (-want +got):\n%s", c.from, c.to, d)
			}
			if d := cmp.Diff(c.problems, ids(t, problems)); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			if line(in) != before {
				t.Errorf("the arguments that were given have changed: %s", line(in))
			}
			if (line(got) != before) != (len(changes) > 0) {
				t.Errorf("%s became %s, and the changes are %v", before, line(got), changes)
			}
			for _, ch := range changes {
				if ch.Why == "" || !strings.HasPrefix(ch.Source, "https://") || ch.Old == "" && ch.New == "" {
					t.Errorf("a change that does not say enough: %+v", ch)
				}
			}
			again, more, _ := RewriteFlags(c.to, c.to, got)
			if d := cmp.Diff(line(got), line(again)); d != "" || len(more) > 0 {
				t.Errorf("it is not finished: %v\n%s", more, d)
			}
		})
	}
}

func TestRewriteProblems(t *testing.T) {
	_, _, problems := RewriteFlags("3.5", "3.6", settings("3.5", "--no-such-thing=1"))
	if want := "etcd 3.6 has no flag --no-such-thing, nor has any other release"; problems[0].Message != want {
		t.Errorf("%q, want %q", problems[0].Message, want)
	}
	_, _, problems = RewriteFlags("3.6", "3.6", settings("3.6", "--enable-v2=false"))
	if want := "etcd 3.6 has no flag --enable-v2, which 3.2 to 3.5 have"; problems[0].Message != want {
		t.Errorf("%q, want %q", problems[0].Message, want)
	}
}

func TestChangeString(t *testing.T) {
	for want, c := range map[string]Change{
		"add --a=1: why":              {New: "--a=1", Why: "why"},
		"remove --a=1: why":           {Old: "--a=1", Why: "why"},
		"replace --a=1 by --b=1: why": {Old: "--a=1", New: "--b=1", Why: "why"},
	} {
		if c.String() != want {
			t.Errorf("%q, want %q", c, want)
		}
	}
}

// Whatever a release knows, the next one starts on what becomes of it, or is said to lose something.
func TestEveryFlagOfEveryRelease(t *testing.T) {
	minors := EtcdMinors()
	for i := range minors {
		for _, f := range EtcdFlags() {
			if !f.In(minors[i]) {
				continue
			}
			a := Flag(f.Name, sample(f))
			for _, j := range []int{i - 1, i, i + 1} {
				down := j < i
				if j < 0 || j >= len(minors) || down && etcdIndex(minors[j]) < etcdIndex("3.5") {
					continue
				}
				_, _, problems := RewriteFlags(minors[i], minors[j], []Arg{a})
				for _, p := range problems {
					if p.ID != "etcd-flag-loses" {
						t.Errorf("from %s to %s: %s: %s", minors[i], minors[j], a, p.Message)
					}
				}
			}
		}
	}
}

// sample is a value that any release takes.
func sample(f EtcdFlag) string {
	switch {
	case f.Bool:
		return "true"
	case f.Name == featureGates:
		return "InitialCorruptCheck=true"
	}
	return "1"
}

func TestFlagRules(t *testing.T) {
	for _, r := range FlagRules() {
		i := etcdIndex(r.Minor)
		if i < 1 || r.Why == "" || !strings.HasPrefix(r.Source, "https://") || r.To != "" && r.Gate != "" {
			t.Errorf("a row that cannot be: %+v", r)
			continue
		}
		// One flag came and was renamed in the same release.
		if _, ok := FlagIn(etcdReleases[i-1].Minor, r.Flag); !ok && r.Flag != "experimental-warning-unary-request-duration" {
			t.Errorf("%s has no flag %s to become another one in %s", etcdReleases[i-1].Minor, r.Flag, r.Minor)
		}
		if _, ok := FlagIn(r.Minor, r.To); r.To != "" && !ok {
			t.Errorf("%s has no flag %s", r.Minor, r.To)
		}
		if r.Gate != "" && !GateIn(r.Minor, r.Gate) {
			t.Errorf("%s has no gate %s", r.Minor, r.Gate)
		}
		if _, ok := FlagIn(r.Minor, r.And); r.And != "" && !ok {
			t.Errorf("%s has no flag %s", r.Minor, r.And)
		}
	}
	for _, r := range onlyNew {
		if _, ok := FlagIn(r.Minor, r.Flag); !ok {
			t.Errorf("%s has no flag %s", r.Minor, r.Flag)
		}
		if _, ok := FlagIn(etcdReleases[etcdIndex(r.Minor)-1].Minor, r.Flag); ok {
			t.Errorf("%s is not new in %s", r.Flag, r.Minor)
		}
	}
}

func TestDefaultChanges(t *testing.T) {
	for _, c := range []struct{ from, to, in, want string }{
		{"3.5", "3.6", "", "snapshot-count"},
		{"3.5", "3.6", "--snapshot-count=10000", ""},
		{"3.4", "3.5", "", "logger pre-vote"},
		{"3.3", "3.4", "ETCD_ENABLE_V2=true", ""},
		{"3.6", "3.5", "", ""},
		{"2.3", "3.0", "--listen-client-urls=http://a:2379 --listen-peer-urls=http://a:2380", "advertise-client-urls"},
	} {
		var got []string
		for _, d := range DefaultChanges(c.from, c.to, settings(c.from, c.in)) {
			if !strings.HasPrefix(d.Source, "https://") {
				t.Errorf("no source: %+v", d)
			}
			got = append(got, d.Flag)
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("from %s to %s with %q (-want +got):\n%s", c.from, c.to, c.in, d)
		}
	}
}

func TestLookup(t *testing.T) {
	args := settings("3.5", "--name=a ETCD_NAME=b ETCD_DATA_DIR=/d --name=c")
	if a, ok := Lookup(args, "name"); !ok || a.Value != "c" {
		t.Errorf("name: %v", a)
	}
	if a, ok := Lookup(args, "data-dir"); !ok || a.Value != "/d" || a.Form != Env {
		t.Errorf("data-dir: %v", a)
	}
	if a, ok := Lookup(args, "wal-dir"); ok {
		t.Errorf("wal-dir: %v", a)
	}
}

func FuzzParseArgs(f *testing.F) {
	f.Add("3.5", "--name=a\n--data-dir\n/d\n-pre-vote\n--feature-gates=A=true")
	f.Add("2.3", "-addr\n1:2\n--\nx")
	f.Add("3.6", "--=\n-\n---\n--feature-gates\n,=,A")
	f.Fuzz(func(t *testing.T, minor, text string) {
		words := strings.Split(text, "\n")
		args := ParseArgs(minor, words)
		if d := cmp.Diff(words, Words(args)); d != "" {
			t.Fatalf("the words are not kept (-want +got):\n%s", d)
		}
		for _, to := range []string{"3.5", "3.6", "3.7"} {
			got, _, _ := RewriteFlags("3.6", to, args)
			again, changes, _ := RewriteFlags(to, to, got)
			if line(got) != line(again) || len(changes) > 0 {
				t.Fatalf("not finished: %q, then %q", line(got), line(again))
			}
		}
	})
}
