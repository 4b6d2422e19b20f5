package apt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	listFile    = "/etc/apt/sources.list.d/kubernetes.list"
	sourcesFile = "/etc/apt/sources.list.d/kubernetes.sources"

	oneLineText = `# deb [signed-by=/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.31/deb/ /
deb [arch=amd64 signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/v1.33/deb/ / # v1.33 since March
	deb	http://debian.example/debian bookworm main
deb https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.33/deb/ /
`
	deb822Text = `Types: deb
URIs: http://debian.example/debian
Suites: bookworm
Components: main

# Kubernetes v1.33
X-Repolib-Name: kubernetes /v1.33/
Types: deb
uris: https://mirror.example/core:/stable:/v1.33/deb/
# a comment amid it
 https://pkgs.k8s.io/core:/stable:/v1.33/deb/
Suites: /
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 aGVsbG8=
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/
Suites: /
Enabled: no
`
)

func TestParseAndSwitch(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		urls             []string
		edits            []hostaction.FileEdit
	}{
		{"one-line", listFile, oneLineText, []string{"https://pkgs.k8s.io/core:/stable:/v1.33/deb/"}, []hostaction.FileEdit{{
			File:   listFile,
			Before: "deb [arch=amd64 signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/v1.33/deb/ / # v1.33 since March",
			After:  "deb [arch=amd64 signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/v1.34/deb/ / # v1.33 since March",
		}}},
		{"deb822", sourcesFile, deb822Text, []string{"https://mirror.example/core:/stable:/v1.33/deb/", "https://pkgs.k8s.io/core:/stable:/v1.33/deb/"}, []hostaction.FileEdit{
			{File: sourcesFile, Before: "uris: https://mirror.example/core:/stable:/v1.33/deb/", After: "uris: https://mirror.example/core:/stable:/v1.34/deb/"},
			{File: sourcesFile, Before: " https://pkgs.k8s.io/core:/stable:/v1.33/deb/", After: " https://pkgs.k8s.io/core:/stable:/v1.34/deb/"},
		}},
		{"no slash at the end", listFile, "deb http://m/core/stable/v1.33 /\r\n", []string{"http://m/core/stable/v1.33"}, []hostaction.FileEdit{
			{File: listFile, Before: "deb http://m/core/stable/v1.33 /", After: "deb http://m/core/stable/v1.34 /"},
		}},
		{"there already", listFile, "deb https://pkgs.k8s.io/core:/stable:/v1.34/deb/ /\ndeb https://pkgs.k8s.io/core:/stable:/v1.33/deb/ /", []string{
			"https://pkgs.k8s.io/core:/stable:/v1.34/deb/", "https://pkgs.k8s.io/core:/stable:/v1.33/deb/",
		}, nil},
		{"single repository", listFile, "deb http://apt.kubernetes.io/ kubernetes-xenial main\n", []string{"http://apt.kubernetes.io/"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string][]byte{c.file: []byte(c.text)}
			sources := Kubernetes(ParseAll(files), nil)
			var urls []string
			for _, s := range sources {
				urls = append(urls, s.URL)
			}
			if d := cmp.Diff(c.urls, urls); d != "" {
				t.Errorf("urls: %s", d)
			}
			edits := Edits(files, sources, "1.34")
			if d := cmp.Diff(c.edits, edits); d != "" {
				t.Fatalf("edits: %s", d)
			}
			got, err := Apply(c.file, []byte(c.text), edits)
			if err != nil {
				t.Fatal(err)
			}
			want := c.text
			for _, e := range c.edits {
				want = strings.Replace(want, "\n"+e.Before, "\n"+e.After, 1)
				if strings.HasPrefix(want, e.Before) {
					want = e.After + want[len(e.Before):]
				}
			}
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Errorf("file: %s", d)
			}
		})
	}
}

func TestApplyRefusesChangedFile(t *testing.T) {
	_, err := Apply("f", []byte("deb a\n"), []hostaction.FileEdit{{File: "f", Before: "deb b", After: "deb c"}})
	if err == nil {
		t.Error("no error")
	}
}

func TestPrivateMirrorIsKnownByWhatItServes(t *testing.T) {
	policy := `kubeadm:
  Installed: 1.33.5-1.1
  Candidate: 1.33.5-1.1
  Version table:
 *** 1.33.5-1.1 500
        500 https://nexus.example/k8s/1.33/deb  Packages
        100 /var/lib/dpkg/status
     1.32.1-1.1 990
        990 http://old.example/apt stable/main amd64 Packages
`
	serving := ServingURLs(policy)
	if d := cmp.Diff([]string{"https://nexus.example/k8s/1.33/deb", "http://old.example/apt"}, serving); d != "" {
		t.Fatal(d)
	}
	got := Kubernetes(Parse(listFile, []byte("deb https://nexus.example/k8s/1.33/deb/ /\ndeb https://nexus.example/other/1.33/ /\n")), serving)
	want := []Source{{File: listFile, Style: OneLine, URL: "https://nexus.example/k8s/1.33/deb/", Minor: "1.33"}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Source{})); d != "" {
		t.Error(d)
	}
}

func TestExtractKeepsOnlyTheEntries(t *testing.T) {
	sources := Kubernetes(Parse(sourcesFile, []byte(deb822Text)), nil)
	got := string(Extract([]byte(deb822Text), sources))
	if strings.Contains(got, "debian.example") || strings.Contains(got, "v1.35") || strings.Count(got, "Types:") != 1 || !strings.Contains(got, "END PGP") {
		t.Errorf("extract:\n%s", got)
	}
}

func TestParsePins(t *testing.T) {
	text := `Explanation: ours
Package: kube*
Pin: version 1.33.*
Pin-Priority: 1001

Package: *
Pin: release o=Debian Backports
Pin-Priority: 100

Package: *
Pin: origin pkgs.k8s.io
Pin-Priority: -1

Package: nginx /^cri-/
Pin: origin "pkgs.k8s.io"
Pin-Priority: 600
# Package: kubelet

Package: kubernetes-client
Pin: version 1
Pin-Priority: 1001
`
	want := []cluster.Pin{
		{File: "f", Package: "kube*", Pin: "version 1.33.*", Priority: 1001},
		{File: "f", Package: "*", Pin: "origin pkgs.k8s.io", Priority: -1},
		{File: "f", Package: "nginx /^cri-/", Pin: `origin "pkgs.k8s.io"`, Priority: 600},
	}
	if d := cmp.Diff(want, ParsePins("f", []byte(text), cluster.PackageNames)); d != "" {
		t.Error(d)
	}
}

func TestParseSimulation(t *testing.T) {
	// The forms of apt 2.6: origins with and without a suite, several in one, a note on what breaks in between.
	out := `NOTE: This is only a simulation!
      apt-get needs root privileges for real execution.
Reading package lists...
The following packages will be upgraded:
  cri-tools kubeadm
Remv kubernetes-cni [1.6.0-1.1] [kubelet:amd64 ]
Inst cri-tools [1.33.0-1.1] (1.34.0-1.1 pkgs.k8s.io:443/core:/stable:/v1.34 [amd64]) []
Inst kubeadm [1.33.5-1.1] (1.34.2-1.1 isv:kubernetes:core:stable:v1.34:pkgs.k8s.io [amd64])
Inst socat (1.7.4.4-2 Debian:12.5/stable [amd64])
Conf cri-tools (1.34.0-1.1 isv:kubernetes:core:stable:v1.34:pkgs.k8s.io [amd64])
Inst kubectl [1.35.0-1.1] (1.34.2-1.1 x [amd64])
`
	want := []hostaction.PackageChange{
		{Name: "kubernetes-cni", From: "1.6.0-1.1", Action: "remove"},
		{Name: "cri-tools", From: "1.33.0-1.1", To: "1.34.0-1.1", Action: "upgrade"},
		{Name: "kubeadm", From: "1.33.5-1.1", To: "1.34.2-1.1", Action: "upgrade"},
		{Name: "socat", To: "1.7.4.4-2", Action: "install"},
		{Name: "kubectl", From: "1.35.0-1.1", To: "1.34.2-1.1", Action: "downgrade"},
	}
	if d := cmp.Diff(want, ParseSimulation(out, func(a, b string) bool { return a > b })); d != "" {
		t.Error(d)
	}
}

func TestVersions(t *testing.T) {
	offered := Madison(` kubeadm | 1.34.2-1.1 | https://pkgs.k8s.io/core:/stable:/v1.34/deb  Packages
 kubeadm | 1.34.2-1.1 | https://mirror.example/core:/stable:/v1.34/deb  Packages
 kubeadm | 1.34.2~rc.0-1.1 | https://pkgs.k8s.io/core:/stable:/v1.34/deb  Packages
 kubeadm |  1.14.0-00 | http://apt.kubernetes.io kubernetes-xenial/main amd64 Packages
 kubeadm |  1.34.2-1.1 | https://pkgs.k8s.io/core:/stable:/v1.34/deb  Sources
`)
	if d := cmp.Diff(map[string][]string{"kubeadm": {"1.34.2-1.1", "1.34.2~rc.0-1.1", "1.14.0-00"}}, offered); d != "" {
		t.Fatal(d)
	}
	for want, v := range map[string]string{"1.34.2-1.1": "v1.34.2", "1.34.2~rc.0-1.1": "v1.34.2-rc.0", "1.14.0-00": "v1.14.0", "": "v1.34.1"} {
		if got, _ := Newest(offered["kubeadm"], version.MustParse(v)); got != want {
			t.Errorf("Newest(%s) = %q, want %q", v, got, want)
		}
	}
	if got := DownloadSize("'http://x/a.deb' a.deb 10 SHA256:ab\n'http://x/b.deb' b.deb 32 \nReading...\n"); got != 42 {
		t.Errorf("DownloadSize = %d", got)
	}
}

func TestParseStates(t *testing.T) {
	pkgs, held := parseStates("kubeadm\t1.33.5-1.1\thold\tinstalled\nkubelet\t1.33.5-1.1\tinstall\tunpacked\nkubectl\t\thold\tnot-installed\ncri-tools\t1.0\tdeinstall\tconfig-files\n")
	want := []cluster.Package{{Name: "kubeadm", Version: "1.33.5-1.1", Held: true}, {Name: "kubelet", Version: "1.33.5-1.1", State: "unpacked"}}
	if d := cmp.Diff(want, pkgs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"kubeadm", "kubectl"}, held); d != "" {
		t.Error(d)
	}
}
