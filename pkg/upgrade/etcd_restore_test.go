package upgrade

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// TestSnapshotsLieWhereHostsTakeThemIn: the plan names the path, the host's agent makes it.
func TestSnapshotsLieWhereHostsTakeThemIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := localFile(path)
	if err != nil || f.Size != 3 || f.SHA256 != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatalf("%+v, %v", f, err)
	}
	if got, want := plan.SnapshotPath(f.SHA256), filepath.Join(workdir.Default.Bundle(f.SHA256), f.Path); got != want {
		t.Errorf("it is %s, and lies at %s", got, want)
	}
}

func TestOnlyTheSameSnapshotGoesOn(t *testing.T) {
	hosts := map[string]hostaction.EtcdHost{"cp-1": {}, "cp-2": {Rebuilt: &hostaction.EtcdRebuilt{SHA256: "a", Token: plan.RestoreToken + "t"}}}
	if b := begun(hosts, hostaction.Snapshot{SHA256: "a"}); b == nil || b.Token != plan.RestoreToken+"t" {
		t.Errorf("what was begun is %+v", b)
	}
	if b := begun(hosts, hostaction.Snapshot{SHA256: "b"}); b != nil {
		t.Errorf("another snapshot goes on with %+v", b)
	}
}

func TestWhenHostsHaveToBeVisited(t *testing.T) {
	if !ByHand([]preflight.Finding{{ID: "etcd-snapshot-members", Severity: preflight.Warning}, {ID: "agent-refused", Severity: preflight.Error}}) {
		t.Error("a host without an agent can be reached from here")
	}
	if ByHand([]preflight.Finding{{ID: "etcd-snapshot-bad", Severity: preflight.Error}, {ID: "node-not-ready", Severity: preflight.Warning}}) {
		t.Error("a bad snapshot becomes a good one by hand")
	}
}
