package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
)

// unitsOf answers as systemd does.
type unitsOf map[string]systemd.Service

func (u unitsOf) UnitOf(_ context.Context, pid int) (string, error) {
	for name := range u {
		if strings.HasPrefix(name, fmt.Sprint(pid)) {
			return name, nil
		}
	}
	return "", nil
}
func (u unitsOf) Service(_ context.Context, unit string) (systemd.Service, error) {
	return u[unit], nil
}
func (u unitsOf) Installed(context.Context, string) ([]string, error) {
	var out []string
	for name := range u {
		out = append(out, name)
	}
	return out, nil
}

func TestServices(t *testing.T) {
	dir := t.TempDir()
	fragment, drop := filepath.Join(dir, "etcd.service"), filepath.Join(dir, "10-limits.conf")
	for path, text := range map[string]string{fragment: "[Service]\n", drop: "[Service]\nLimitNOFILE=1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := []cluster.TextFile{{Path: fragment, Kind: "unit", Text: "[Service]\n"}, {Path: drop, Kind: "drop-in", Text: "[Service]\nLimitNOFILE=1\n"}}
	running := Process{PID: 7, Binary: "/usr/bin/etcd", Args: []string{"--data-dir=data"}, Dir: dir, Owner: "5:6"}

	m, err := OfProcess(t.Context(), unitsOf{"7.service": {Fragment: fragment, DropIns: []string{drop}}}, running)
	if err != nil {
		t.Fatal(err)
	}
	if m.Run != cluster.EtcdAsService || m.Unit != "7.service" || m.PID != 7 || m.DataDir != filepath.Join(dir, "data") || m.Owner != "5:6" {
		t.Errorf("%+v", m.EtcdProcess)
	}
	if d := cmp.Diff(files, m.Files); d != "" {
		t.Error(d)
	}

	// What we have started ourselves has no file that it could be started by again.
	m, err = OfProcess(t.Context(), unitsOf{"7.service": {Transient: true, Fragment: "/run/systemd/transient/7.service"}}, running)
	if err != nil || m.Run != cluster.EtcdAsProcess || m.Unit != "7.service" || len(m.Files) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = OfProcess(t.Context(), unitsOf{}, running)
	if err != nil || m.Run != cluster.EtcdAsProcess || m.Unit != "" {
		t.Errorf("%+v, %v", m, err)
	}

	// One that does not run is what its unit says.
	m, err = stopped(t.Context(), unitsOf{
		"etcd-backup.service": {Name: "etcd-backup.service", Exec: []string{"/usr/bin/rsync", "/var/lib/etcd"}},
		"etcd.service": {Name: "etcd.service", Fragment: fragment, Exec: []string{"/usr/bin/etcd", "--name", "${NAME}"}, WorkingDirectory: dir,
			Environment: []string{"NAME=m1", "ETCD_DATA_DIR=/var/lib/etcd/x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Run != cluster.EtcdAsService || m.Unit != "etcd.service" || m.PID != 0 || m.Name != "m1" || m.DataDir != "/var/lib/etcd/x" {
		t.Errorf("%+v", m)
	}
}

func TestServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kube-apiserver.yaml")
	text := `spec:
  containers:
  - command: [kube-apiserver, "--etcd-servers=https://10.0.0.1:2379,https://10.0.0.2:2379", --etcd-cafile=/pki/ca.crt, --storage-backend=etcd3, "--etcd-servers-overrides=/events#http://10.0.0.1:4001"]
    volumeMounts: [{name: pki, mountPath: /pki}]
  volumes: [{name: pki, hostPath: {path: /etc/kubernetes/pki}}]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := serverAt(path)
	if err != nil {
		t.Fatal(err)
	}
	want := &cluster.EtcdClient{
		Manifest: cluster.TextFile{Path: path, Kind: "manifest", Text: text}, Servers: []string{"https://10.0.0.1:2379", "https://10.0.0.2:2379"},
		Overrides: []string{"/events#http://10.0.0.1:4001"}, Backend: "etcd3", Prefix: "/registry", CAFile: "/etc/kubernetes/pki/ca.crt",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err := serverAt(path + ".none"); got != nil || err != nil {
		t.Errorf("a host without one: %+v, %v", got, err)
	}
}
