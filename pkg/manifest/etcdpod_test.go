package manifest

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// golden compares with a file, or writes it when UPDATE_GOLDEN is set.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// migrate is an init container as the upgrade puts it in.
func migrate(to string) *InitContainer {
	return &InitContainer{Image: "example.org/etcd-migrate:v1", Args: []string{"run", "--data-dir=/var/lib/etcd", "--to=" + to}}
}

// upgraded makes the manifest that of another release, as an upgrade does.
func upgraded(t *testing.T, before []byte, to version.Version) []byte {
	t.Helper()
	pod, err := ReadEtcdPod(before)
	if err != nil {
		t.Fatal(err)
	}
	settings, _, problems := knowledge.RewriteFlags(pod.Version.MinorString(), to.MinorString(), pod.Settings)
	if len(problems) > 0 {
		t.Errorf("problems: %+v", problems)
	}
	edit := EtcdPodEdit{Image: "registry.k8s.io/etcd:" + to.Bare() + "-0", Settings: settings, Migrate: migrate(to.MinorString())}
	if len(pod.ShellProbes) > 0 {
		edit.Settings = append(slices.Clone(settings), knowledge.Flag("listen-metrics-urls", "http://127.0.0.1:2381"))
		edit.Probe = &HTTPProbe{Host: "127.0.0.1", Port: 2381, Path: "/health", Scheme: "HTTP"}
	}
	after, err := EditEtcdPod(before, edit)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// A manifest of each kubeadm changes in the lines that it should, and in no others.
func TestEditManifestsOfEveryKubeadm(t *testing.T) {
	files, err := filepath.Glob("testdata/etcd-1.*.yaml")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	minors := knowledge.EtcdMinors()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			before := read(t, name+".yaml")
			pod, err := ReadEtcdPod(before)
			if err != nil {
				t.Fatal(err)
			}
			if pod.Name != "cp-1" || pod.DataDir != "/var/lib/etcd" || pod.HostDataDir != "/var/lib/etcd" || pod.Client.CertFile == "" || !pod.Client.ClientAuth ||
				pod.Peer.CAFile != "/etc/kubernetes/pki/etcd/ca.crt" || len(pod.ListenClientURLs) == 0 || pod.Version.IsZero() || pod.Migrate != nil {
				t.Errorf("read wrongly: %+v", pod)
			}
			i := slices.Index(minors, pod.Version.MinorString())
			to := knowledge.EtcdReleases()[min(i+1, len(minors)-1)].Newest
			after := upgraded(t, before, to)
			golden(t, name+".diff", Diff("etcd.yaml", before, after))

			again, err := ReadEtcdPod(after)
			if err != nil {
				t.Fatal(err)
			}
			if again.Version != to || again.Migrate == nil || len(again.Migrate.Mounts) != 2 || again.Migrate.Mounts[0].HostPath != "/var/lib/etcd" || len(again.ShellProbes) > 0 {
				t.Errorf("written wrongly: %+v", again)
			}
			if twice := upgraded(t, after, to); string(twice) != string(after) {
				t.Errorf("the second edit changes something:\n%s", Diff("etcd.yaml", after, twice))
			}
			// Back again, it is what it was, save what has no way back.
			back, err := EditEtcdPod(after, EtcdPodEdit{Image: pod.Image, Settings: pod.Settings, RemoveMigrate: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(pod.ShellProbes) == 0 && string(back) != string(before) {
				t.Errorf("it does not come back:\n%s", Diff("etcd.yaml", before, back))
			}
		})
	}
}

const odd = `# the member of this host
apiVersion: v1
kind: "Pod" # static
metadata: {name: etcd, namespace: kube-system, labels: {component: etcd}}
spec:
    hostNetwork: true   # needed
    x-unknown: {a: [1, 2]}
    containers:

      # a sidecar first
      - name: exporter
        image: "exporter:1"
        command: [exporter, --etcd]
      - image: 'quay.io/coreos/etcd:v3.5.9' # pinned by hand
        name: etcd
        command:
          - /usr/local/bin/etcd
          # where it listens
          - --listen-client-urls=https://10.0.0.1:2379
          - "--experimental-initial-corrupt-check" # wanted by audit
          - --name
          - 'm1'
          # tuned in 2022
          - --snapshot-count=5000

          - --data-dir=/data/etcd
        args:
          - --enable-v2=false
        env:
          - name: GOMAXPROCS
            value: "2"
          # gone in 3.6
          - name: ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME
            value: 4h
          - name: ETCD_NAME_FROM
            valueFrom: {fieldRef: {fieldPath: metadata.name}}
          - {name: ETCD_PROXY, value: "off"}
        volumeMounts:
          - {name: data, mountPath: /data}
          - name: pki
            mountPath: /pki
            readOnly: true
    volumes:
      - {name: data, hostPath: {path: /srv}}
      - name: pki
        hostPath:
            path: /etc/etcd/pki
    # the end`

func TestEditOddManifest(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"odd", odd}, {"odd-crlf", strings.ReplaceAll(odd, "\n", "\r\n")}, {"odd-end", odd + "\n\n# after\n"}, {"odd-document", "---\n" + odd + "\n---\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod, err := ReadEtcdPod([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if pod.Name != "m1" || pod.DataDir != "/data/etcd" || pod.HostDataDir != "/srv/etcd" || pod.Program != "/usr/local/bin/etcd" || pod.Version != version.MustParse("3.5.9") ||
				!pod.Env[2].Ref || !pod.Mounts[1].ReadOnly {
				t.Errorf("read wrongly: %+v", pod)
			}
			after := upgraded(t, []byte(c.text), version.MustParse("3.6.16"))
			golden(t, c.name+".diff", Diff("etcd.yaml", []byte(c.text), after))
		})
	}
}

func TestEditEtcdPodInit(t *testing.T) {
	base := string(read(t, "etcd-1.30.yaml"))
	with := strings.Replace(base, "  priority: 2", "  initContainers:\n  - image: a\n    name: other\n  # ours\n  - image: old\n    name: etcd-migrate\n\n  priority: 2", 1)
	alone := strings.Replace(base, "  priority: 2", "  initContainers:\n  - image: old\n    name: etcd-migrate\n  priority: 2", 1)
	for _, c := range []struct {
		name, text string
		edit       EtcdPodEdit
		want       string
	}{
		{"replace", with, EtcdPodEdit{Migrate: &InitContainer{Image: "new", Command: []string{"run"}, Mounts: []Mount{{Volume: "etcd-data", Path: "/d", SubPath: "m", ReadOnly: true}}, Env: []EnvVar{{Name: "A", Value: "1"}}}},
			"  # ours\n  - command:\n    - run\n    env:\n    - name: A\n      value: \"1\"\n    image: new\n    imagePullPolicy: IfNotPresent\n    name: etcd-migrate\n    volumeMounts:\n    - mountPath: /d\n      name: etcd-data\n      readOnly: true\n      subPath: m\n\n  priority"},
		{"remove one of two", with, EtcdPodEdit{RemoveMigrate: true}, "    name: other\n  # ours\n\n  priority"},
		{"remove the only one", alone, EtcdPodEdit{RemoveMigrate: true}, "  hostNetwork: true\n  priority"},
		{"remove none", base, EtcdPodEdit{RemoveMigrate: true}, "  hostNetwork: true\n  priority"},
		{"nothing", base, EtcdPodEdit{}, "  hostNetwork: true\n  priority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, err := EditEtcdPod([]byte(c.text), c.edit)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(after), c.want) {
				t.Errorf("%s", Diff("etcd.yaml", []byte(c.text), after))
			}
		})
	}
}

func TestEtcdPodRefusals(t *testing.T) {
	base := string(read(t, "etcd-1.30.yaml"))
	change := func(from, to string) string {
		s := strings.Replace(base, from, to, 1)
		if s == base {
			t.Fatalf("%q is not there", from)
		}
		return s
	}
	all := EtcdPodEdit{Image: "x:1", Migrate: migrate("3.6"), Settings: []knowledge.Arg{knowledge.Flag("name", "a")}}
	for _, c := range []struct {
		name, text string
		edit       EtcdPodEdit
		want       string
	}{
		{"no YAML", "a: [", all, "parse YAML"},
		{"a list", "- a", all, "no YAML mapping"},
		{"another kind", change("kind: Pod", "kind: Deployment"), all, `of kind "Deployment"`},
		{"two documents", base + "---\nkind: Pod\n", all, "more than one document"},
		{"a shell", change("    - etcd\n", "    - /bin/sh\n"), all, "runs /bin/sh, not etcd"},
		{"no container", "kind: Pod\nspec: {}\n", all, "has no containers"},
		{"another container", "kind: Pod\nspec:\n  containers:\n  - name: a\n", all, "no container of it is called etcd"},
		{"a multi-line image", change("image: registry.k8s.io/etcd:3.5.12-0", "image: >-\n      registry.k8s.io/etcd:3.5.12-0"), all, "cannot be replaced where it stands"},
		{"an anchor", change("image: registry.k8s.io/etcd:3.5.12-0", "image: &i registry.k8s.io/etcd:3.5.12-0"), all, "cannot be replaced where it stands"},
		{"a list in one line", change("  volumes:\n", "  initContainers: []\n  volumes:\n"), all, "is written in one line"},
		{"no such volume", base, EtcdPodEdit{Migrate: &InitContainer{Image: "x", Mounts: []Mount{{Volume: "nope", Path: "/d"}}}}, `no volume "nope"`},
		{"in and out", base, EtcdPodEdit{Migrate: migrate("3.6"), RemoveMigrate: true}, "both to be put in and taken out"},
		{"a line break", base, EtcdPodEdit{Image: "a\nb"}, "has several lines"},
		{"bytes", base + "\xff", all, "not plain UTF-8"},
		{"a carriage return", change("kind: Pod\n", "kind: Pod\r"), all, "unusual way"},
		{"twice the same key", change("  hostNetwork: true\n", "  hostNetwork: true\n  hostNetwork: true\n"), all, "already defined"},
		{"an unnamed variable", change("    image:", "    env:\n    - value: a\n    image:"), all, "has no name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, err := EditEtcdPod([]byte(c.text), c.edit)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "edit etcd's manifest: ") {
				t.Errorf("%v does not say %q\n%s", err, c.want, after)
			}
		})
	}
}

func TestImageVersion(t *testing.T) {
	for image, want := range map[string]string{
		"registry.k8s.io/etcd:3.5.21-0": "3.5.21", "k8s.gcr.io/etcd:3.2.24": "3.2.24", "k8s.gcr.io/etcd:3.4.13-4": "3.4.13", "quay.io/coreos/etcd:v3.5.9": "3.5.9",
		"r:5000/etcd:3.6.0-rc.0": "3.6.0-rc.0", "r:5000/etcd": "", "etcd:latest": "", "etcd@sha256:abc": "", "r:5000/etcd:3.5.9-0@sha256:abc": "3.5.9",
	} {
		got := imageVersion(image)
		if cmp.Or(want, "0.0.0") != got.Bare() {
			t.Errorf("%s: %s", image, got.Bare())
		}
	}
}

func FuzzEditEtcdPod(f *testing.F) {
	for _, name := range []string{"etcd-1.12.yaml", "etcd-1.30.yaml", "etcd-1.37.yaml"} {
		f.Add(string(read(f, name)))
	}
	f.Add(odd)
	f.Fuzz(func(t *testing.T, text string) {
		pod, err := ReadEtcdPod([]byte(text))
		if err != nil {
			return
		}
		settings, _, _ := knowledge.RewriteFlags("3.5", "3.6", pod.Settings)
		after, err := EditEtcdPod([]byte(text), EtcdPodEdit{Image: "new:1", Settings: settings, Migrate: migrate("3.6")})
		if err != nil {
			return
		}
		again, err := ReadEtcdPod(after)
		if err != nil {
			t.Fatalf("%v:\n%s", err, after)
		}
		if again.Image != "new:1" || again.Migrate == nil || again.Name != pod.Name || again.DataDir != pod.DataDir {
			t.Fatalf("%+v became %+v", pod, again)
		}
		if same, err := EditEtcdPod([]byte(text), EtcdPodEdit{Image: pod.Image, Settings: pod.Settings}); err == nil && string(same) != text {
			t.Fatalf("nothing was to be changed:\n%s", Diff("f", []byte(text), same))
		}
	})
}
