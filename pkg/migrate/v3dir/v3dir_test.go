package v3dir_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v3dir"
)

func write(t *testing.T, format v3dir.Format) *datadir.Info {
	t.Helper()
	dir := datadir.Dir(t.TempDir())
	keys := []v3dir.Key{{Key: "/a", Value: "1", CreateRev: 3, ModRev: 4}, {Key: "/b", Value: "\xff", CreateRev: 7, ModRev: 7, Lease: 99}}
	if err := v3dir.CreateDB(filepath.Join(dir.Snap(), "db"), keys, []v3dir.Lease{{ID: 99, TTL: time.Minute}}, 12, func(v3dir.Key, []byte, []byte) {}); err != nil {
		t.Fatal(err)
	}
	s := v3dir.Spec{Format: format, NodeID: 0xa, ClusterID: 0xc, Index: 40, Term: 3, HardTerm: 5, Vote: 0xa, Removed: []uint64{0xd},
		Members: []v3dir.Member{{ID: 0xa, Name: "one", PeerURLs: []string{"http://a"}, ClientURLs: []string{"http://c"}}, {ID: 0xb, PeerURLs: []string{"http://b"}, Learner: true}}}
	if err := v3dir.Write(dir.Member(), s); err != nil {
		t.Fatal(err)
	}
	i, err := datadir.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestWrite(t *testing.T) {
	want := []v2.Member{{ID: 0xa, Name: "one", PeerURLs: []string{"http://a"}, ClientURLs: []string{"http://c"}}, {ID: 0xb, PeerURLs: []string{"http://b"}, Learner: true}}
	for format, version := range map[v3dir.Format]string{0: "3.0", 4: "3.4", 5: "3.5"} {
		i := write(t, format)
		if i.Version != version {
			t.Errorf("format %d is taken for %s", format, i.Version)
		}
		if d := cmp.Diff(want, i.V2.Members); d != "" {
			t.Errorf("%s: v2 store (-want +got):\n%s", version, d)
		}
		if d := cmp.Diff(want, i.Database.Members); d != "" {
			t.Errorf("%s: database (-want +got):\n%s", version, d)
		}
		d := i.Database
		if i.Raft.Index != 40 || d.ConsistentIndex != 40 || d.Revision != 12 || d.CompactRevision != 12 || d.Keys != 2 || d.LeasedKeys != 1 || d.Leases != 1 || i.V2.LogWrites != 0 {
			t.Errorf("%s: %+v, %+v", version, i.Raft, d)
		}
		if i.NodeID != 0xa || i.ClusterID != 0xc || i.Log.Term != 5 || len(i.V2.Removed) != 1 || len(d.Removed) != 1 {
			t.Errorf("%s: %+v", version, i)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "snap", "db")
	for name, keys := range map[string][]v3dir.Key{
		"revisions out of order":  {{Key: "/a", CreateRev: 4, ModRev: 4}, {Key: "/b", CreateRev: 3, ModRev: 3}},
		"created after a change":  {{Key: "/a", CreateRev: 5, ModRev: 4}},
		"ahead of the revision":   {{Key: "/a", CreateRev: 50, ModRev: 50}},
		"a revision that is none": {{Key: "/a"}},
	} {
		if err := v3dir.CreateDB(path, keys, nil, 12, func(v3dir.Key, []byte, []byte) {}); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if err := v3dir.Write(dir, v3dir.Spec{Format: 6, NodeID: 1, Index: 1, Term: 1, Members: []v3dir.Member{{ID: 1}}}); err == nil {
		t.Error("the format of 3.6 is written")
	}
}
