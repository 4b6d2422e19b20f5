//go:build realetcd

package etcd

import (
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

// appendLog writes entries behind those that a member's log has, and says of the first of them that the cluster agreed.
func appendLog(t *testing.T, dir string, committed int, entries ...[]byte) {
	t.Helper()
	l := inspect(t, dir).Log
	start := &walpb.Snapshot{Index: new(uint64(0)), Term: new(uint64(0))}
	if l.Snapshot != nil {
		start.Index, start.Term = new(l.Snapshot.GetMetadata().GetIndex()), new(l.Snapshot.GetMetadata().GetTerm())
	}
	w, err := wal.Open(zap.NewNop(), datadir.Dir(dir).WAL(), start)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, _, _, err := w.ReadAll(); err != nil {
		t.Fatal(err)
	}
	list := make([]*raftpb.Entry, len(entries))
	for i, data := range entries {
		list[i] = &raftpb.Entry{Term: &l.Term, Index: new(l.Index() + 1 + uint64(i)), Data: data} //nolint:gosec // small
	}
	commit := l.Index() + uint64(committed) //nolint:gosec // small
	if err := w.Save(&raftpb.HardState{Term: &l.Term, Vote: &l.Vote, Commit: &commit}, list); err != nil {
		t.Fatal(err)
	}
}

// v2Request is an entry as 2.3 writes it.
func v2Request(method, path, value string, at time.Time) []byte {
	var data []byte
	for field, s := range map[protowire.Number]string{2: method, 3: path, 4: value} {
		data = protowire.AppendString(protowire.AppendTag(data, field, protowire.BytesType), s)
	}
	if !at.IsZero() {
		data = protowire.AppendVarint(protowire.AppendTag(data, 15, protowire.VarintType), uint64(at.UnixNano())) //nolint:gosec // as protobuf does
	}
	return data
}
