//go:build realetcd

package etcd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

func example(t *testing.T) corev1.Pod {
	t.Helper()
	data, err := os.ReadFile("../../images/etcd-migrate/static-pod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(data, &pod); err != nil {
		t.Fatal(err)
	}
	if len(pod.Spec.InitContainers) != 1 || len(pod.Spec.Containers) != 1 {
		t.Fatalf("the example has %d init containers and %d containers", len(pod.Spec.InitContainers), len(pod.Spec.Containers))
	}
	return pod
}

// contents is what etcdctl says of all keys but their header, which names the member.
func (p *pod) contents(etcd corev1.Container) string {
	p.t.Helper()
	out, err := p.ctl(etcd, "get", "", "--from-key", "--write-out=json")
	if err != nil {
		p.t.Fatalf("read keys: %v", err)
	}
	var answer struct {
		Header struct {
			Revision int64 `json:"revision"`
		} `json:"header"`
		Kvs []map[string]any `json:"kvs"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		p.t.Fatalf("read keys: %v: %s", err, out)
	}
	if len(answer.Kvs) == 0 {
		p.t.Fatal("there is no key")
	}
	return fmt.Sprint(answer.Header.Revision, answer.Kvs)
}

// TestExample runs the example's containers as they are written, in the thin image that they need: over the data of the
// same pod with etcd 3.4, and a second time, when there is nothing to do.
func TestExample(t *testing.T) {
	t.Parallel()
	spec := example(t).Spec
	setup, etcd := spec.InitContainers[0], spec.Containers[0]
	if setup.Image != etcd.Image {
		t.Errorf("images %s and %s", setup.Image, etcd.Image)
	}
	p := makeImage(t, "3.4,3.5,3.6")
	p.certificates("/etc/kubernetes/pki/etcd")
	before := etcd
	before.Name, before.Command = "etcd 3.4", slices.Clone(etcd.Command)
	before.Command[0] = "/usr/local/bin/etcd-3.4.16"
	stop := p.serve(before)
	for i := range 30 {
		if _, err := p.ctl(before, "put", fmt.Sprintf("/registry/pods/default/p%02d", i%20), fmt.Sprintf("value %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	want := p.contents(before)
	stop()
	for n, steps := range []bool{true, false} {
		out := p.run(setup).out.String()
		var r migrate.Result
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if r.Keys != 20 || r.Version != "3.6" || len(r.Plan.Steps) > 0 != steps {
			t.Errorf("run %d: %s", n, out)
		}
		log, err := os.ReadFile(filepath.Join(p.root, setup.TerminationMessagePath, "/dev/termination-log"))
		if err != nil || len(log) == 0 || len(log) > 4096 { // of more than that, a kubelet keeps the end only
			t.Errorf("run %d: the termination log has %d bytes, %v", n, len(log), err)
		}
		stop := p.serve(etcd)
		if d := cmp.Diff(want, p.contents(etcd)); d != "" {
			t.Errorf("run %d (-want +got):\n%s", n, d)
		}
		stop()
	}
	info, err := datadir.Inspect(datadir.Dir(filepath.Join(p.root, "var/lib/etcd")))
	if err != nil || info.Version != "3.6" || info.VersionFile != "3.6.16/etcd3" {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestOldManifest runs the image by the name and with the environment by which GCE's manifest ran the image of Kubernetes.
func TestOldManifest(t *testing.T) {
	t.Parallel()
	p := makeImage(t, "2.3,3.0,3.1,3.2,3.3")
	dir := filepath.Join(p.root, "var/etcd/data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, "2.3.8", dir, nil)
	fillV2(r)
	want := r.dumpV2(hidden...)
	r.stop()
	old := corev1.Container{Name: "etcd-container", Command: []string{"/usr/local/bin/migrate-if-needed.sh"}}
	for _, pair := range []string{"TARGET_STORAGE=etcd3", "TARGET_VERSION=3.3.10", "DATA_DIRECTORY=/var/etcd/data", "ETCD_NAME=etcd-cp-1", "ETCD_HOSTNAME=cp-1",
		"INITIAL_CLUSTER=etcd-cp-1=http://cp-1:2380", "INITIAL_ADVERTISE_PEER_URLS=http://cp-1:2380", "LISTEN_PEER_URLS=http://cp-1:2380", "LISTEN_CLIENT_URLS=http://127.0.0.1:2379",
		"ETCD_CREDS=", "DO_NOT_MOVE_BINARIES=true", "TTL_KEYS_DIRECTORY=/registry/events", "ETCD_DATA_PREFIX=/registry", "ATTACHLEASE=/usr/local/bin/attachlease", "ETCD=/usr/local/bin/etcd"} {
		name, value, _ := strings.Cut(pair, "=")
		old.Env = append(old.Env, corev1.EnvVar{Name: name, Value: value})
	}
	p.run(old)
	if text, err := os.ReadFile(filepath.Join(dir, "version.txt")); err != nil || string(text) != "3.3.10/etcd3" {
		t.Errorf("version.txt is %q, %v", text, err)
	}
	serves(t, "3.3.27", dir, want)
	// Asked again, and by the other name with flags.
	p.run(old)
	p.run(corev1.Container{Name: "migrate", Command: []string{"/usr/local/bin/migrate"}, Args: []string{"--name=etcd-cp-1", "--port=18629", "--peer-port=2380",
		"--listen-client-urls=http://127.0.0.1:18629", "--listen-peer-urls=http://localhost:2380", "--initial-advertise-peer-urls=http://localhost:2380",
		"--initial-cluster=etcd-cp-1=http://localhost:2380", "--bin-dir=/usr/local/bin", "--data-dir=/var/etcd/data", "--bundled-versions=2.3.8,3.0.17", "--etcd-data-prefix=/registry",
		"--ttl-keys-directory=/registry/events", "--target-version=3.3.27", "--target-storage=etcd3", "--etcd-server-extra-args="}})
}

// TestReleasesAreListed keeps the examples and these tests at the releases that are brought along.
func TestReleasesAreListed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../hack/etcd/releases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^  - version: (\S+)`).FindAllStringSubmatch(string(data), -1) {
		listed = append(listed, m[1])
	}
	if d := cmp.Diff(listed, releases); d != "" {
		t.Errorf("releases (-releases.yaml +tests):\n%s", d)
	}
	program := filepath.Base(example(t).Spec.Containers[0].Command[0])
	if !slices.Contains(listed, strings.TrimPrefix(program, "etcd-")) {
		t.Errorf("the example runs %s, which is not listed", program)
	}
}
