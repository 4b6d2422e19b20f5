package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

func TestWhereASnapshotLies(t *testing.T) {
	for arg, want := range map[string]plan.EtcdBackup{
		"/b/etcd.db@cp-1":   {Path: "/b/etcd.db", Node: "cp-1"},
		"/b/a@b/etcd.db@n1": {Path: "/b/a@b/etcd.db", Node: "n1"},
		"etcd.db":           {Path: "etcd.db"},
		"./a@b/etcd.db":     {Path: "./a@b/etcd.db"},
	} {
		if got, err := fileAt(arg); err != nil || got != want {
			t.Errorf("%q is %+v, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"", "@cp-1", "/b/etcd.db@"} {
		if got, err := fileAt(arg); err == nil {
			t.Errorf("%q is %+v", arg, got)
		}
	}
}

// TestRestoreOutOfReach: where nothing answers, the operator is told what to run on each host.
func TestRestoreOutOfReach(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	if err := os.WriteFile("etcd.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, file := range map[string]string{"/b/etcd 1.db@cp-1": "'/b/etcd 1.db'", "./etcd.db": "/var/lib/etcd-backup/etcd.db"} {
		stdout, stderr, err := run(t, "etcd", "restore", arg, "--agent-image=x/y:z", "--etcd-migrate-image=x/m:z", "--server=https://127.0.0.1:1")
		if Code(err) != Blocked {
			t.Errorf("code %d: %v", Code(err), err)
		}
		want := "etcd-migrate snapshot restore " + file + " --manifest /etc/kubernetes/manifests/etcd.yaml --initial-cluster-token restore-20"
		if !strings.Contains(stderr, want) || !strings.Contains(stderr, "x/m:z") || stdout != "" {
			t.Errorf("%q is not said:\n%s%s", want, stderr, stdout)
		}
	}
}
