package snapfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/testing/protocmp"
)

func snapFile(tb testing.TB, data string) []byte {
	tb.Helper()
	dir := tb.TempDir()
	index, term := uint64(7), uint64(2)
	s := &raftpb.Snapshot{Data: []byte(data), Metadata: &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: &raftpb.ConfState{Voters: []uint64{0xa}, Learners: []uint64{0xb}}}}
	if err := snap.New(zap.NewNop(), dir).SaveSnap(s); err != nil {
		tb.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.snap"))
	if err != nil || len(files) != 1 {
		tb.Fatal(files, err)
	}
	out, err := os.ReadFile(files[0])
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// FuzzReadSnap reads a file as etcd does: the same from a whole one, and nothing from a broken one.
func FuzzReadSnap(f *testing.F) {
	whole := snapFile(f, `{"Root":{}}`)
	f.Add(whole)
	f.Add(snapFile(f, ""))
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole), 0x1d, 1, 2, 3, 4)) // a field of fixed size that nobody knows
	f.Add([]byte{})
	broken := bytes.Clone(whole)
	broken[len(broken)/2] ^= 1
	f.Add(broken)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "1.snap")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		want, wantErr := snap.Read(zap.NewNop(), path)
		got, err := Read(path)
		if err != nil && wantErr != nil {
			return
		}
		if wantErr != nil && err == nil {
			t.Fatalf("etcd: %v", wantErr)
		}
		if err != nil {
			t.Fatalf("etcd reads it, and we say: %v", err)
		}
		if want.Metadata == nil {
			want.Metadata = &raftpb.SnapshotMetadata{}
		}
		if d := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreUnknown()); d != "" {
			t.Errorf("(-etcd +ours):\n%s", d)
		}
	})
}
