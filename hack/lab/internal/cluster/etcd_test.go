package cluster

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// clusterConfiguration is the second document of kubeadm's configuration.
func clusterConfiguration(t *testing.T, s *State) map[string]any {
	t.Helper()
	text, err := s.initConfig(secrets{})
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(strings.Split(text, "\n---\n")[1]), &c); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// at follows names into a document.
func at(t *testing.T, doc any, path ...string) any {
	t.Helper()
	for _, p := range path {
		m, ok := doc.(map[string]any)
		if !ok {
			t.Fatalf("nothing named %s in %v", p, doc)
		}
		doc = m[p]
	}
	return doc
}

func TestStackedEtcdIsOfTheTopologysVersion(t *testing.T) {
	s := state(t, "etcd-single")
	if got := at(t, clusterConfiguration(t, s), "etcd", "local", "imageTag"); got != "3.5.35-0" {
		t.Errorf("got %v", got)
	}
	if got := strings.Join(s.Topology.Etcd.ImageTags(), " "); got != "3.5.35-0 3.6.16-0 3.7.3-0" {
		t.Errorf("images: %s", got)
	}
	if c := clusterConfiguration(t, state(t, "etcd-stacked")); c["etcd"] != nil {
		t.Errorf("kubeadm is told what it would pick: %v", c["etcd"])
	}
}

func TestFlagsOfStackedEtcd(t *testing.T) {
	for name, want := range map[string]string{"basic": "[map[name:quota-backend-bytes value:1000000]]", "seed": "map[quota-backend-bytes:1000000]"} {
		s := state(t, name)
		s.Topology.Etcd.Args = map[string]string{"quota-backend-bytes": "1000000"}
		if got := at(t, clusterConfiguration(t, s), "etcd", "local", "extraArgs"); fmt.Sprint(got) != want {
			t.Errorf("%s: got %s", name, fmt.Sprint(got))
		}
	}
}

func TestAPIServersKeepTheirObjectsInEtcd2(t *testing.T) {
	s := state(t, "etcd2")
	c := clusterConfiguration(t, s)
	if got := at(t, c, "apiServerExtraArgs", "storage-backend"); got != "etcd2" {
		t.Errorf("storage backend: %v", got)
	}
	if got := fmt.Sprint(at(t, c, "etcd", "external")); got != "map[endpoints:[http://10.9.8.11:2379 http://10.9.8.12:2379 http://10.9.8.13:2379]]" {
		t.Errorf("etcd: %s", got)
	}
	if got := strings.Join(s.ignoredPreflight(), " "); got != "--ignore-preflight-errors=SystemVerification,RequiredIPVSKernelModulesAvailable,ExternalEtcdVersion" {
		t.Errorf("ignored: %s", got)
	}
	script := s.etcdScript(s.First())
	for _, want := range []string{"setsid --fork /usr/local/bin/etcd", "--initial-cluster=cp-1=http://10.9.8.11:2380,cp-2=http://10.9.8.12:2380,cp-3=http://10.9.8.13:2380 ", "--data-dir=/var/lib/etcd "} {
		if !strings.Contains(script, want) {
			t.Errorf("lacks %q:\n%s", want, script)
		}
	}
	if strings.Contains(script, "cert") {
		t.Errorf("a certificate over plain HTTP:\n%s", script)
	}
}

func TestEtcdServiceHasAllItsFilesNameIt(t *testing.T) {
	s := state(t, "etcd-service")
	var err error
	if s.etcdPKI, err = newEtcdPKI(); err != nil {
		t.Fatal(err)
	}
	files, err := s.etcdFiles(s.First())
	if err != nil {
		t.Fatal(err)
	}
	unit := files[etcdUnit]
	for _, line := range strings.Split(unit, "\n") {
		_, path, ok := strings.Cut(strings.TrimRight(line, " \\"), "-file=/")
		if ok && files[path] == "" {
			t.Errorf("the unit names %q, which is not there", path)
		}
	}
	external := at(t, clusterConfiguration(t, s), "etcd", "external").(map[string]any)
	for _, key := range []string{"caFile", "certFile", "keyFile"} {
		if files[strings.TrimPrefix(external[key].(string), "/")] == "" {
			t.Errorf("kubeadm is told of %v, which is not there", external[key])
		}
	}
	if env := files[etcdEnv]; !strings.Contains(env, "ETCD_NAME=cp-1\n") || !strings.Contains(env, "ETCD_LISTEN_PEER_URLS=https://10.9.8.11:2380\n") {
		t.Errorf("environment:\n%s", env)
	}
	if !strings.Contains(unit, "EnvironmentFile=/"+etcdEnv+"\n") || !strings.Contains(unit, "--enable-v2=false") {
		t.Errorf("unit:\n%s", unit)
	}
	worker := Node{Node: topology.Node{Name: "w-1", Role: topology.Worker}}
	if s.hasEtcd(worker) {
		t.Error("a worker has a member")
	}
}
