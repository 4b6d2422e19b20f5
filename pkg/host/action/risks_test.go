package action

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

func TestKubeletArgs(t *testing.T) {
	words := []string{"/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--register_schedulable", "true", "--node-ip=10.0.0.1", "-v", ""}
	files := map[string]string{
		"/etc/default/kubelet":               "KUBELET_EXTRA_ARGS=\"--register_schedulable true\"\n",
		"/var/lib/kubelet/kubeadm-flags.env": "KUBELET_KUBEADM_ARGS=\"--node-ip=10.0.0.1 --register_schedulable --config-dir=/x\"\n",
	}
	want := []cluster.HostFlag{
		{Flag: cluster.Flag{Name: "config", Value: "/var/lib/kubelet/config.yaml"}},
		{Flag: cluster.Flag{Name: "register-schedulable", Value: "true"}, File: "/etc/default/kubelet"},
		{Flag: cluster.Flag{Name: "node-ip", Value: "10.0.0.1"}, File: "/var/lib/kubelet/kubeadm-flags.env"},
	}
	if got := kubeletArgs(words, files); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	text := certificate(t, end)
	for name, b := range map[string][]byte{
		"etcd/server.crt": text, "apiserver.key": text, "ca.crt": []byte("nonsense"), "kubelet-client-2025-01-01-00-00-00.pem": text, "kubelet-client-current.pem": text,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []cluster.Certificate{{Path: filepath.Join(dir, "etcd/server.crt"), NotAfter: end}, {Path: filepath.Join(dir, "kubelet-client-current.pem"), NotAfter: end}}
	if got := certificates(dir, filepath.Join(dir, "missing")); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

// certificate makes one that ends at a time.
func certificate(t *testing.T, end time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestKubeconfigs has files of the form that kubeadm writes; what is not kubeadm's, and what names a file, is passed by.
func TestKubeconfigs(t *testing.T) {
	dir := t.TempDir()
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	old := end.Add(-24 * time.Hour)
	conf := func(user, other string) string {
		return "apiVersion: v1\nkind: Config\nclusters: []\ncurrent-context: me@kubernetes\ncontexts:\n- context: {cluster: kubernetes, user: them}\n  name: them@kubernetes\n" +
			"- context:\n    cluster: kubernetes\n    user: me\n  name: me@kubernetes\nusers:\n- name: them\n  user:\n    " + other + "\n- name: me\n  user:\n    " + user + "\n"
	}
	data := func(at time.Time) string {
		return "client-certificate-data: " + base64.StdEncoding.EncodeToString(certificate(t, at))
	}
	for name, text := range map[string]string{
		"admin.conf": conf(data(end), data(old)), "kubelet.conf": conf("client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem", data(old)),
		"scheduler.conf": "users: [", "mine.conf": conf(data(end), data(old)), "controller-manager.conf": conf("token: x", data(old)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []cluster.Certificate{{Path: filepath.Join(dir, "admin.conf"), NotAfter: end}}
	if got := kubeconfigs(dir); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestExtraManifests(t *testing.T) {
	dir := t.TempDir()
	pod := func(name string) []byte {
		return []byte("kind: Pod\nmetadata:\n  name: " + name + "\n  namespace: kube-system\n")
	}
	for name, b := range map[string][]byte{
		"kube-apiserver.yaml": pod("kube-apiserver"), "old.yaml": pod("kube-apiserver"), ".hidden.yaml": pod("etcd"), "mine.yaml": pod("haproxy"), "notes.txt": []byte("x: ["),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := extraManifests(dir); !slices.Equal(got, []string{filepath.Join(dir, "old.yaml")}) {
		t.Errorf("got %v", got)
	}
}

// TestDefaulted: kubeadm 1.28.0 wrote the manifest of etcd with what the API server fills in, and no other release does.
func TestDefaulted(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]bool{
		"spec:\n  containers: [{name: etcd, image: x}]\n  hostNetwork: true\n  priorityClassName: system-node-critical\n": false,
		"spec:\n  containers: [{name: etcd, image: x}]\n  dnsPolicy: ClusterFirst\n  schedulerName: default-scheduler\n":  true,
		"spec: [": false,
	} {
		path := filepath.Join(dir, "etcd.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := defaulted(path); got != want {
			t.Errorf("%t, want %t: %s", got, want, text)
		}
	}
	if defaulted(filepath.Join(dir, "none.yaml")) {
		t.Error("a file that is not there is defaulted")
	}
}
