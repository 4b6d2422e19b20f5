package command

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v3dir"
)

// lostHost has the manifest of a member, an empty disk, and a snapshot of the cluster of two that it was of.
type lostHost struct{ manifest, text, data, snapshot string }

func newLostHost(t *testing.T) lostHost {
	t.Helper()
	dir := t.TempDir()
	h := lostHost{manifest: filepath.Join(dir, "manifests", "etcd.yaml"), data: filepath.Join(dir, "etcd"), snapshot: filepath.Join(dir, "backup.db")}
	h.text = `apiVersion: v1
kind: Pod
metadata: {name: etcd}
spec:
  containers:
  - name: etcd
    command: [etcd, --name=cp-1, --data-dir=/var/lib/etcd, "--initial-advertise-peer-urls=https://10.0.0.1:2380"]
    image: registry.k8s.io/etcd:3.5.21-0
    volumeMounts: [{name: data, mountPath: /var/lib/etcd}]
  volumes: [{name: data, hostPath: {path: ` + h.data + `}}]
`
	of := datadir.Dir(filepath.Join(dir, "before"))
	keys := []v3dir.Key{{Key: "/registry/a", Value: "1", CreateRev: 3, ModRev: 4}, {Key: "/registry/b", Value: "2", CreateRev: 7, ModRev: 7}}
	err := errors.Join(
		os.MkdirAll(filepath.Dir(h.manifest), 0o700), os.WriteFile(h.manifest, []byte(h.text), 0o600),
		v3dir.CreateDB(of.DB(), keys, nil, 12, func(v3dir.Key, []byte, []byte) {}),
		v3dir.Write(of.Member(), v3dir.Spec{Format: 5, NodeID: 0xa, ClusterID: 0xc, Index: 40, Term: 3, HardTerm: 5, Vote: 0xa, Members: []v3dir.Member{
			{ID: 0xa, Name: "cp-1", PeerURLs: []string{"https://10.0.0.1:2380"}, ClientURLs: []string{"https://10.0.0.1:2379"}},
			{ID: 0xb, Name: "cp-2", PeerURLs: []string{"https://10.0.0.2:2380"}, ClientURLs: []string{"https://10.0.0.2:2379"}}}}))
	if err != nil {
		t.Fatal(err)
	}
	if code, said := h.run(t, "snapshot", "save", h.snapshot, "--data-dir", string(of)); code != codeDone {
		t.Fatal(said)
	}
	return h
}

func (h lostHost) run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var both bytes.Buffer
	code = Run(t.Context(), args, IO{Out: &both, Err: &both, Getenv: func(string) string { return "" }})
	return code, both.String()
}

func (h lostHost) restore(t *testing.T, more ...string) (code int, said string) {
	t.Helper()
	return h.run(t, append([]string{"snapshot", "restore", h.snapshot, "--manifest", h.manifest}, more...)...)
}

func TestRestoreByManifest(t *testing.T) {
	h := newLostHost(t)
	for range 2 { // the second time there is nothing to do
		code, said := h.restore(t, "--initial-cluster-token", "once")
		if code != codeDone {
			t.Fatal(said)
		}
		i, err := datadir.Inspect(datadir.Dir(h.data))
		if err != nil {
			t.Fatal(err)
		}
		want, err := cluster.EtcdIdentify("cp-1", []string{"cp-1=https://10.0.0.1:2380", "cp-2=https://10.0.0.2:2380"}, "once")
		if err != nil {
			t.Fatal(err)
		}
		if i.NodeID != want.Member || i.ClusterID != want.Cluster {
			t.Errorf("it is %x of %x, and should be %+v", i.NodeID, i.ClusterID, want)
		}
		if d := i.Database; !d.Has("/registry/a") || !d.Has("/registry/b") || d.Revision != 7+kubernetesBump { // 7 is that of the newest key
			t.Errorf("%d keys at revision %d", d.Keys, d.Revision)
		}
		if text, err := os.ReadFile(h.manifest); err != nil || string(text) != h.text {
			t.Errorf("the manifest is %q, %v", text, err)
		}
	}
	// Another word is another cluster, and what is there now stays.
	if code, said := h.restore(t, "--initial-cluster-token", "twice"); code != codeDone || !strings.Contains(said, "generation 1") {
		t.Errorf("code %d: %s", code, said)
	}
}

// TestRestoreByManifestGoesOn is killed while the manifest is away.
func TestRestoreByManifestGoesOn(t *testing.T) {
	h := newLostHost(t)
	if err := os.Rename(h.manifest, filepath.Join(filepath.Dir(h.manifest), ".etcd.yaml.stopped")); err != nil {
		t.Fatal(err)
	}
	if code, said := h.restore(t, "--initial-cluster-token", "once"); code != codeDone {
		t.Fatal(said)
	}
	if _, err := os.Stat(h.manifest); err != nil {
		t.Error(err)
	}
}

func TestRestoreByManifestRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(h *lostHost) error
		args  []string
		code  int
		say   string
	}{
		"no word for the new cluster":   {nil, nil, codeUsage, "--initial-cluster-token"},
		"a flag that the manifest says": {nil, []string{"--initial-cluster-token", "once", "--data-dir", "/x"}, codeUsage, "--data-dir"},
		"a changed snapshot":            {func(h *lostHost) error { return flip(h.snapshot) }, []string{"--initial-cluster-token", "once"}, codeFailed, "sum"},
		"no snapshot":                   {func(h *lostHost) error { return os.Remove(h.snapshot) }, []string{"--initial-cluster-token", "once"}, codeFailed, "no such file"},
		"the snapshot of another cluster": {func(h *lostHost) error {
			h.text = strings.ReplaceAll(h.text, "10.0.0.1", "10.0.0.9")
			return os.WriteFile(h.manifest, []byte(h.text), 0o600)
		}, []string{"--initial-cluster-token", "once"}, codeRefused, "right snapshot"},
		"a log of its own": {func(h *lostHost) error {
			h.text = strings.ReplaceAll(h.text, "--name=cp-1", "--name=cp-1, --wal-dir=/wal")
			return os.WriteFile(h.manifest, []byte(h.text), 0o600)
		}, []string{"--initial-cluster-token", "once"}, codeRefused, "--wal-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newLostHost(t)
			if test.spoil != nil {
				if err := test.spoil(&h); err != nil {
					t.Fatal(err)
				}
			}
			code, said := h.restore(t, test.args...)
			if code != test.code || !strings.Contains(said, test.say) {
				t.Errorf("code %d, want %d: %s", code, test.code, said)
			}
			if text, err := os.ReadFile(h.manifest); err != nil || string(text) != h.text {
				t.Errorf("the manifest is %q, %v", text, err)
			}
			if _, err := os.Stat(filepath.Join(h.data, "member")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was restored: %v", err)
			}
		})
	}
}

// flip changes a bit in the middle of a file.
func flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(path, data, 0o600)
}
