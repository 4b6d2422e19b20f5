package manifest

import (
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

const unitText = `[Unit]
Description=etcd %i
# wait for the network
After=network-online.target

[Service]
Type=notify
User=etcd
Environment=GOMAXPROCS=2 "ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME=4h"
EnvironmentFile=-/etc/etcd/etcd.env
ExecStart=/usr/local/bin/etcd \
  --name=%H \
  # audit wants this
  "--experimental-initial-corrupt-check" \
  --data-dir ${DATA} \
  --enable-v2=false \
  --cert-file '/etc/etcd/my certs/server.crt' \
  --experimental-compact-hash-check-enabled=true
Restart=always

[Install]
WantedBy=multi-user.target
`

const envText = `# etcd of this host
DATA="/var/lib/etcd"
ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379   

# tuned
ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL='5s'
ETCD_PROXY=off
ETCD_SNAPSHOT_COUNT=5000`

func serviceFiles() []cluster.TextFile {
	return []cluster.TextFile{
		{Path: "/etc/systemd/system/etcd.service", Kind: KindUnit, Text: unitText},
		{Path: "/etc/systemd/system/etcd.service.d/10-limits.conf", Kind: KindDropIn, Text: "[Service]\nLimitNOFILE=65536\nEnvironment=ETCD_NAME=x\nEnvironment=ETCD_ENABLE_V2=false ETCD_QUOTA_BACKEND_BYTES=1\n"},
		{Path: "/etc/etcd/etcd.env", Kind: KindEnvironment, Text: envText},
		{Path: "/etc/other.env", Kind: KindEnvironment, Text: "ETCD_NAME=other"},
	}
}

func TestReadEtcdService(t *testing.T) {
	s, err := ReadEtcdService(serviceFiles())
	if err != nil {
		t.Fatal(err)
	}
	if s.Program != "/usr/local/bin/etcd" || s.DataDir != "/var/lib/etcd" || s.Name != "%H" || s.Client.CertFile != "/etc/etcd/my certs/server.crt" || s.User != "etcd" || s.Script ||
		!slices.Equal(s.ListenClientURLs, []string{"https://10.0.0.1:2379", "https://127.0.0.1:2379"}) || !slices.Equal(s.EnvironmentFiles, []string{"/etc/etcd/etcd.env"}) {
		t.Errorf("read wrongly: %+v", s)
	}
	var got []string
	for _, a := range s.Settings {
		got = append(got, a.String())
	}
	want := "--name=%H --experimental-initial-corrupt-check --data-dir ${DATA} --enable-v2=false --cert-file /etc/etcd/my certs/server.crt --experimental-compact-hash-check-enabled=true " +
		"ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME=4h ETCD_NAME=x ETCD_ENABLE_V2=false ETCD_QUOTA_BACKEND_BYTES=1 ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379 " +
		"ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL=5s ETCD_PROXY=off ETCD_SNAPSHOT_COUNT=5000"
	if d := gocmp.Diff(want, strings.Join(got, " ")); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
}

func diffs(before, after []cluster.TextFile) string {
	var out string
	for i := range before {
		out += Diff(before[i].Path, []byte(before[i].Text), []byte(after[i].Text))
	}
	return out
}

func crlf(files []cluster.TextFile) []cluster.TextFile {
	for i := range files {
		files[i].Text = strings.ReplaceAll(files[i].Text, "\n", "\r\n")
	}
	return files
}

func TestEditEtcdService(t *testing.T) {
	for name, before := range map[string][]cluster.TextFile{"service": serviceFiles(), "service-crlf": crlf(serviceFiles())} {
		t.Run(name, func(t *testing.T) {
			s, err := ReadEtcdService(before)
			if err != nil {
				t.Fatal(err)
			}
			settings, _, _ := knowledge.RewriteFlags("3.5", "3.6", s.Settings)
			after, err := EditEtcdService(before, EtcdServiceEdit{Program: "/opt/etcd-3.6.16/etcd", Settings: settings})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".diff", diffs(before, after))
		})
	}
}

func TestEditExecStart(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"a line in the middle goes", "etcd \\\n  --enable-v2=false \\\n  --name=a", "etcd \\\n  --name=a"},
		{"the last line goes", "etcd \\\n  --name=a \\\n  --enable-v2=false", "etcd \\\n  --name=a"},
		{"the last two lines go", "etcd \\\n  --name=a \\\n  --enable-v2=false \\\n  --proxy=off", "etcd \\\n  --name=a"},
		{"all lines go", "etcd \\\n  --enable-v2=false \\\n  --proxy=off", "etcd"},
		{"words in one line", "etcd --enable-v2=false --name=a --proxy off  --data-dir=/d", "etcd --name=a  --data-dir=/d"},
		{"two words of a line", "etcd \\\n  --name a \\\n  --proxy off \\\n  --data-dir /d", "etcd \\\n  --name a \\\n  --data-dir /d"},
		{"half a line", "etcd --proxy=off \\\n  --name=a --enable-v2=false \\\n --data-dir=/d", "etcd \\\n  --name=a \\\n --data-dir=/d"},
		{"quotes are kept", `etcd "--experimental-memory-mlock" '--experimental-corrupt-check-time=1h'`, `etcd "--memory-mlock" '--corrupt-check-time=1h'`},
		{"specifiers and variables are kept", `@etcd etcd --name=%H --log-level=$LEVEL --proxy=off --data-dir=${A}/%i`, `@etcd etcd --name=%H --log-level=$LEVEL --data-dir=${A}/%i`},
		{"a comment within stays", "etcd \\\n  --proxy=off \\\n# why\n  --name=a", "etcd \\\n# why\n  --name=a"},
		{"escapes", `etcd --name=a\x20b --enable-v2=false`, `etcd --name=a\x20b`},
		{"nothing to do", `-etcd   --name=a   `, `-etcd   --name=a   `},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := func(line string) []cluster.TextFile {
				return []cluster.TextFile{{Path: "etcd.service", Kind: KindUnit, Text: "[Service]\nExecStart=" + line + "\nRestart=always\n"}}
			}
			s, err := ReadEtcdService(file(c.in))
			if err != nil {
				t.Fatal(err)
			}
			settings, _, _ := knowledge.RewriteFlags("3.5", "3.6", s.Settings)
			after, err := EditEtcdService(file(c.in), EtcdServiceEdit{Settings: settings})
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(file(c.out)[0].Text, after[0].Text); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAddToExecStart(t *testing.T) {
	for in, want := range map[string]string{
		"etcd --ca-file=/ca --name=a":                  "etcd --trusted-ca-file=/ca --client-cert-auth=true --name=a",
		"etcd \\\n  --ca-file=/ca \\\n  --name=a":      "etcd \\\n  --trusted-ca-file=/ca \\\n  --client-cert-auth=true \\\n  --name=a",
		"etcd \\\n  --name=a \\\n  --ca-file \"/c a\"": "etcd \\\n  --name=a \\\n  --trusted-ca-file \"/c a\" --client-cert-auth=true",
	} {
		files := []cluster.TextFile{{Path: "u", Kind: KindUnit, Text: "[Service]\nExecStart=" + in}}
		s, err := ReadEtcdService(files)
		if err != nil {
			t.Fatal(err)
		}
		settings, _, _ := knowledge.RewriteFlags("3.3", "3.4", s.Settings)
		after, err := EditEtcdService(files, EtcdServiceEdit{Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff("[Service]\nExecStart="+want, after[0].Text); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

const scriptUnit = `[Service]
EnvironmentFile=-/etc/etcd/etcd.conf
ExecStart=/bin/bash -c "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\"${ETCD_NAME}\" --data-dir=\"${ETCD_DATA_DIR}\""
`

// CentOS and RHEL ran etcd from a shell.
func TestServiceOfAShell(t *testing.T) {
	files := []cluster.TextFile{{Path: "u", Kind: KindUnit, Text: scriptUnit}, {Path: "/etc/etcd/etcd.conf", Kind: KindEnvironment, Text: "#[Member]\nETCD_DATA_DIR=\"/var/lib/etcd/default.etcd\"\nETCD_NAME=\"m1\"\nETCD_DEBUG=true\n"}}
	s, err := ReadEtcdService(files)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Script || s.Program != "/usr/bin/etcd" || s.DataDir != "/var/lib/etcd/default.etcd" || s.Name != "m1" {
		t.Errorf("read wrongly: %+v", s)
	}
	settings, _, problems := knowledge.RewriteFlags("3.4", "3.5", s.Settings)
	// 3.4 and newer end over a variable whose flag is set as well.
	if len(problems) != 2 || problems[0].ID != "etcd-set-twice" {
		t.Errorf("problems: %+v", problems)
	}
	after, err := EditEtcdService(files, EtcdServiceEdit{Settings: settings})
	if err != nil || after[0].Text != scriptUnit || !strings.HasSuffix(after[1].Text, "ETCD_LOG_LEVEL=debug\n") {
		t.Errorf("%v: %+v", err, after)
	}
	if _, err := EditEtcdService(files, EtcdServiceEdit{Settings: settings[1:]}); err == nil || !strings.Contains(err.Error(), "a shell calls etcd") {
		t.Errorf("%v", err)
	}
	if _, err := EditEtcdService(files, EtcdServiceEdit{Program: "/opt/etcd"}); err == nil || !strings.Contains(err.Error(), "a shell calls etcd") {
		t.Errorf("%v", err)
	}
}

const configText = `# etcd
name: m1
data-dir: /var/lib/etcd
experimental-initial-corrupt-check: true # audit
snapshot-count: 5000
log-outputs: [stderr]

client-transport-security:
  # theirs
  cert-file: /pki/server.crt
  ca-file: /pki/ca.crt

peer-transport-security: {trusted-ca-file: /pki/peer-ca.crt, client-cert-auth: true}
enable-v2: false
`

func TestEtcdConfig(t *testing.T) {
	e, err := ReadEtcdConfig([]byte(configText))
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "m1" || e.DataDir != "/var/lib/etcd" || e.Client.CAFile != "/pki/ca.crt" || !e.Client.ClientAuth || e.Peer.CAFile != "/pki/peer-ca.crt" || !e.Peer.ClientAuth {
		t.Errorf("read wrongly: %+v", e)
	}
	settings, _, problems := knowledge.RewriteFlags("3.3", "3.6", e.Settings)
	if len(problems) > 0 {
		t.Errorf("problems: %+v", problems)
	}
	after, err := EditEtcdConfig([]byte(configText), settings)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "config.diff", Diff("etcd.conf.yml", []byte(configText), after))
	after, err = EditEtcdConfig([]byte("name: a\ndebug: true\nlog-output: default # here\n"), rewritten(t, "3.4", "3.5", "name: a\ndebug: true\nlog-output: default # here\n"))
	if err != nil || string(after) != "name: a\nlog-level: debug\nlog-outputs: [default] # here\n" {
		t.Errorf("%v\n%s", err, after)
	}
}

func rewritten(t *testing.T, from, to, text string) []knowledge.Arg {
	t.Helper()
	e, err := ReadEtcdConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	settings, _, _ := knowledge.RewriteFlags(from, to, e.Settings)
	return settings
}

// Beside a configuration file neither flags nor variables are heeded.
func TestServiceWithConfig(t *testing.T) {
	files := []cluster.TextFile{
		{Path: "u", Kind: KindUnit, Text: "[Service]\nExecStart=/usr/bin/etcd --config-file=/etc/etcd.yml --enable-v2=false\n"},
		{Path: "/etc/etcd.yml", Kind: KindConfig, Text: configText},
	}
	s, err := ReadEtcdService(files)
	if err != nil {
		t.Fatal(err)
	}
	if s.ConfigFile != "/etc/etcd.yml" || s.Name != "m1" || s.Settings[0].Form != knowledge.Config {
		t.Errorf("read wrongly: %+v", s)
	}
	settings, _, _ := knowledge.RewriteFlags("3.3", "3.6", s.Settings)
	after, err := EditEtcdService(files, EtcdServiceEdit{Settings: settings})
	if err != nil || after[0].Text != files[0].Text || !strings.Contains(after[1].Text, "feature-gates: InitialCorruptCheck=true # audit") {
		t.Errorf("%v: %+v", err, after)
	}
	if _, err := ReadEtcdService(files[:1]); err == nil || !strings.Contains(err.Error(), "the text of /etc/etcd.yml is not given") {
		t.Errorf("%v", err)
	}
}

func TestEtcdServiceRefusals(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no command", "[Service]\nRestart=always\n", "0 commands"},
		{"taken back", "[Service]\nExecStart=etcd\nExecStart=\n", "0 commands"},
		{"two commands", "[Service]\nExecStart=etcd\nExecStart=/usr/bin/etcd\n", "2 commands"},
		{"several in one", "[Service]\nExecStart=etcd --name=a ; echo\n", "several commands"},
		{"another program", "[Service]\nExecStart=/usr/bin/docker run etcd\n", "not etcd"},
		{"a script", "[Service]\nExecStart=/bin/sh -c 'sleep 1; etcd --name=a'\n", "does not just call etcd"},
		{"no quote", "[Service]\nExecStart=etcd \"--name=a\n", "not closed"},
		{"no setting", "[Service]\njunk\n", "no setting"},
		{"no variable", "[Service]\nEnvironment=junk\nExecStart=etcd\n", "no variable"},
		{"an @ alone", "[Service]\nExecStart=@etcd\n", "no name"},
	} {
		_, err := ReadEtcdService([]cluster.TextFile{{Path: "u", Kind: KindUnit, Text: c.text}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
		}
	}
	if _, err := ReadEtcdService(nil); err == nil {
		t.Error("a service without a unit")
	}
	// A file that is named twice is read once.
	twice := append(serviceFiles(), cluster.TextFile{Path: "d", Kind: KindDropIn, Text: "[Service]\nEnvironmentFile=/etc/etcd/etcd.env\n"})
	once, err := ReadEtcdService(serviceFiles())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ReadEtcdService(twice); err != nil || len(s.Settings) != len(once.Settings) {
		t.Errorf("%+v, %v", s, err)
	}
	// A drop-in takes the unit's command back and gives another.
	s, err := ReadEtcdService([]cluster.TextFile{
		{Path: "u", Kind: KindUnit, Text: "[Service]\nEnvironment=ETCD_NAME=a\nExecStart=etcd --name=a\n"},
		{Path: "d", Kind: KindDropIn, Text: "[Service]\nEnvironment=\nExecStart=\nExecStart=/opt/etcd --data-dir=/d\n"},
	})
	if err != nil || s.Program != "/opt/etcd" || s.Name != "" || s.DataDir != "/d" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestParseEnvFile(t *testing.T) {
	text := "# c\n\n ; c\nA=1\nB = 2 \nC=\"a b\\\"c\\$\"\nD='x \\ y'\nE=a\\\nb\nF=\nG=\"two\nlines\" \nH=x # no comment\n\tI=1"
	entries, err := parseEnvFile(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.name+"="+e.value)
	}
	want := []string{"A=1", "B=2", `C=a b"c$`, `D=x \ y`, "E=ab", "F=", "G=two\nlines", "H=x # no comment", "I=1"}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range []string{"junk", "A=\"x", "A='x\nB=1"} {
		if _, err := parseEnvFile(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, v := range []string{"a", "a b", ` a`, `a"b`, `a'b`, `a\b$c` + "`", "", "a\nb"} {
		for _, like := range []string{"x", `"x"`, "'x'", ""} {
			entries, err := parseEnvFile("A=" + quoteEnv(v, like) + "\nB=1")
			if err != nil || entries[0].value != v || len(entries) != 2 {
				t.Errorf("%q like %s: %+v, %v", v, like, entries, err)
			}
		}
	}
}

func FuzzEditEtcdService(f *testing.F) {
	f.Add(unitText, envText, "ETCD_NAME=a\n")
	f.Add(scriptUnit, "A=\"b\\\n", "")
	f.Add("[Service]\nExecStart=-@etcd a \"--enable-v2=false\" \\\r\n --proxy off\\\n", "ETCD_PROXY='off'\\", "x")
	f.Fuzz(func(t *testing.T, unit, env, dropIn string) {
		files := []cluster.TextFile{{Path: "u", Kind: KindUnit, Text: unit}, {Path: "d", Kind: KindDropIn, Text: dropIn}, {Path: "/etc/etcd/etcd.env", Kind: KindEnvironment, Text: env}}
		s, err := ReadEtcdService(files)
		if err != nil {
			return
		}
		if same, err := EditEtcdService(files, EtcdServiceEdit{Settings: slices.Clip(append([]knowledge.Arg{}, s.Settings...))}); err != nil || !slices.Equal(same, files) {
			t.Fatalf("nothing was to be changed: %v\n%s", err, diffs(files, same))
		}
		settings, _, _ := knowledge.RewriteFlags("3.5", "3.6", s.Settings)
		after, err := EditEtcdService(files, EtcdServiceEdit{Program: "/new/etcd", Settings: settings})
		if err != nil {
			return
		}
		if again, err := ReadEtcdService(after); err != nil || again.Program != "/new/etcd" || !slices.Equal(again.EnvironmentFiles, s.EnvironmentFiles) {
			t.Fatalf("%v\n%s", err, diffs(files, after))
		}
	})
}

func FuzzEditEtcdConfig(f *testing.F) {
	f.Add(configText)
	f.Add("{name: a, enable-v2: false}")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ReadEtcdConfig([]byte(text))
		if err != nil {
			return
		}
		settings, _, _ := knowledge.RewriteFlags("3.5", "3.6", e.Settings)
		after, err := EditEtcdConfig([]byte(text), settings)
		if err != nil {
			return
		}
		if _, err := ReadEtcdConfig(after); err != nil {
			t.Fatalf("%v\n%s", err, after)
		}
	})
}
