package staticpod

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArgs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	text := "spec:\n  containers:\n  - command: [kube-apiserver, --secure-port=7443, \"--bind-address=::\", --flag]\n    args: [--x=y=z]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Args(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"secure-port": "7443", "bind-address": "::", "x": "y=z"}, got); d != "" {
		t.Error(d)
	}
}

func TestHostPath(t *testing.T) {
	pod, err := Parse([]byte(`
spec:
  containers:
  - name: etcd
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: deep, mountPath: /data/wal/, subPath: log}
    - {name: scratch, mountPath: /scratch}
  volumes:
  - {name: data, hostPath: {path: /srv/etcd}}
  - {name: deep, hostPath: {path: /fast}}
  - {name: scratch, emptyDir: {}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for inside, want := range map[string]string{
		"/data": "/srv/etcd", "/data/member": "/srv/etcd/member", "/data/wal": "/fast/log", "/data/wal/0.wal": "/fast/log/0.wal",
		"/database": "/database", "/etc/kubernetes/pki/ca.crt": "/etc/kubernetes/pki/ca.crt", "/scratch/x": "/scratch/x",
	} {
		if got := HostPath(pod, inside); got != want {
			t.Errorf("%s is %s, want %s", inside, got, want)
		}
	}
}

func TestServerAddress(t *testing.T) {
	for bind, want := range map[string]string{"::": "[::1]:6443", "": "127.0.0.1:6443", "0.0.0.0": "127.0.0.1:6443", "10.0.0.1": "10.0.0.1:6443", "fd00::1": "[fd00::1]:6443"} {
		if got := ServerAddress(map[string]string{"bind-address": bind}); got != want {
			t.Errorf("bound to %q: %s", bind, got)
		}
	}
	if got := ServerAddress(map[string]string{"secure-port": "8443"}); got != "127.0.0.1:8443" {
		t.Errorf("at a port of its own: %s", got)
	}
}
