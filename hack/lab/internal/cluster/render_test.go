package cluster

import (
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/topologies"
)

func state(t *testing.T, name string) *State {
	t.Helper()
	data, err := topologies.FS.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	top, err := topology.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewState(t.TempDir(), "x", top, netip.MustParsePrefix("10.9.8.0/24"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKubeadmConfigurations(t *testing.T) {
	k := secrets{Token: "abcdef.0123456789abcdef", CertificateKey: "11", CAHash: "sha256:22"}
	names, err := fs.Glob(topologies.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		name := strings.TrimSuffix(file, ".yaml")
		s := state(t, name)
		text, err := s.initConfig(k)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range strings.Split(text, "\n---\n") {
			if err := yaml.UnmarshalStrict([]byte(doc), &map[string]any{}); err != nil {
				t.Errorf("%s: %v\n%s", name, err, doc)
			}
		}
		if has := strings.Contains(text, "controlPlaneEndpoint: 10.9.8.5:6443"); has != (s.LoadBalancer != nil) {
			t.Errorf("%s: control plane endpoint: %v", name, has)
		}
		if has := strings.Contains(text, "\n  external:\n    endpoints:\n    - http"); has != s.Topology.Etcd.External() {
			t.Errorf("%s: etcd of its own: %v", name, has)
		}
		for _, n := range s.Nodes[1:] {
			text, err := s.joinConfig(n, k)
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.UnmarshalStrict([]byte(text), &map[string]any{}); err != nil {
				t.Errorf("%s %s: %v\n%s", name, n.Name, err, text)
			}
			if has := strings.Contains(text, "controlPlane:"); has != (n.Role == topology.ControlPlane) {
				t.Errorf("%s %s: joins as control plane: %v", name, n.Name, has)
			}
		}
	}
}

func TestOldKubeadmReadsOldConfigurations(t *testing.T) {
	s := state(t, "seed")
	text, err := s.initConfig(secrets{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"v1beta4", "certificateKey", "KubeletInUserNamespace", "failCgroupV1", "- name: audit-log-path"} {
		if strings.Contains(text, bad) {
			t.Errorf("says %q", bad)
		}
	}
	if got := s.haproxyConfig(); !strings.Contains(got, "GET /healthz\n") {
		t.Errorf("asks for what 1.13 does not answer:\n%s", got)
	}
}

func TestAuditPolicyIsWhereTheAPIServerLooks(t *testing.T) {
	s := state(t, "basic")
	config, err := s.initConfig(secrets{})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := s.nodeFiles(s.First(), &build.Assets{Key: key, Images: map[string][]string{s.Topology.Kubernetes: {"registry.k8s.io/pause:3.10"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, at, _ := strings.Cut(config, "audit-policy-file\n    value: /")
	at, _, _ = strings.Cut(at, "\n")
	if err := yaml.UnmarshalStrict([]byte(files[at]), &map[string]any{}); err != nil || !strings.Contains(files[at], "kind: Policy") {
		t.Errorf("the API server reads %q, which is %q: %v", at, files[at], err)
	}
}

func TestRoutesLeadToAllOtherNodes(t *testing.T) {
	s := state(t, "basic")
	if got, want := s.routes(s.Nodes[1]), "10.244.1.0/24 10.9.8.11\n10.244.3.0/24 10.9.8.13\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHAProxyKnowsEveryControlPlane(t *testing.T) {
	got := state(t, "ha").haproxyConfig()
	for _, want := range []string{"server cp-1 10.9.8.11:6443", "server cp-2 10.9.8.12:6443", "server cp-3 10.9.8.13:6443"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(got, "w-1") {
		t.Error("names a worker")
	}
}
