package raftlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// member is a directory that a test writes as etcd would.
type member struct {
	t         testing.TB
	wal, snap string
	w         *wal.WAL
}

func newMember(tb testing.TB) *member {
	tb.Helper()
	dir := tb.TempDir()
	m := &member{t: tb, wal: filepath.Join(dir, "wal"), snap: filepath.Join(dir, "snap")}
	if err := os.Mkdir(m.snap, 0o700); err != nil {
		tb.Fatal(err)
	}
	meta, err := proto.Marshal(&etcdserverpb.Metadata{NodeID: new(uint64(0xa)), ClusterID: new(uint64(0xc))})
	if err != nil {
		tb.Fatal(err)
	}
	if m.w, err = wal.Create(zap.NewNop(), m.wal, meta); err != nil {
		tb.Fatal(err)
	}
	return m
}

func entry(index uint64, data string) *raftpb.Entry {
	return &raftpb.Entry{Term: new(uint64(2)), Index: &index, Data: []byte(data)}
}

// save appends entries from one index to another, of which those up to commit are committed.
func (m *member) save(from, to, commit uint64, data string) {
	m.t.Helper()
	var list []*raftpb.Entry
	for i := from; i <= to; i++ {
		list = append(list, entry(i, data))
	}
	if err := m.w.Save(&raftpb.HardState{Term: new(uint64(2)), Vote: new(uint64(0xa)), Commit: &commit}, list); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) snapshot(index uint64) string {
	m.t.Helper()
	conf := &raftpb.ConfState{Voters: []uint64{0xa}}
	term := uint64(2)
	err := errors.Join(
		snap.New(zap.NewNop(), m.snap).SaveSnap(&raftpb.Snapshot{Data: []byte("{}"), Metadata: &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: conf}}),
		m.w.SaveSnapshot(&walpb.Snapshot{Index: &index, Term: &term, ConfState: conf}))
	if err != nil {
		m.t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(m.snap, "*.snap"))
	slices.Sort(files)
	return files[len(files)-1]
}

func (m *member) close() {
	m.t.Helper()
	if err := m.w.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// last is the newest file of the log, cut to what was written.
func (m *member) last() (path string, data []byte) {
	m.t.Helper()
	files, _ := filepath.Glob(filepath.Join(m.wal, "*.wal"))
	path = files[len(files)-1]
	data, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	end := len(data)
	for end > 0 && data[end-1] == 0 {
		end--
	}
	return path, data[:end]
}

var consumer = Consumer{Snapshot: func(*raftpb.Snapshot) {}, Trim: func(data []byte) []byte { return data }}

func (m *member) read() (*Log, error) { return Read(m.wal, m.snap, consumer) }

func TestRead(t *testing.T) {
	m := newMember(t)
	m.save(1, 10, 8, "old")
	m.save(6, 12, 11, "new") // another leader has replaced those from 6 on
	m.close()
	l, err := m.read()
	if err != nil {
		t.Fatal(err)
	}
	if l.NodeID != 0xa || l.ClusterID != 0xc || l.Term != 2 || l.Vote != 0xa || l.Commit != 11 || l.Index() != 11 || l.IndexTerm() != 2 || l.Uncommitted != 1 || l.Torn {
		t.Errorf("%+v", l)
	}
	for i, want := range []string{"old", "old", "old", "old", "old", "new", "new", "new", "new", "new", "new"} {
		if got := string(l.Entries[i].GetData()); got != want {
			t.Errorf("entry %d is %q", i+1, got)
		}
	}
}

func TestReadFromSnapshot(t *testing.T) {
	m := newMember(t)
	m.save(1, 10, 10, "x")
	m.snapshot(5)
	newest := m.snapshot(10)
	m.save(11, 12, 12, "y")
	m.close()
	l, err := m.read()
	if err != nil {
		t.Fatal(err)
	}
	if l.Snapshot.GetMetadata().GetIndex() != 10 || len(l.Entries) != 2 || l.Index() != 12 {
		t.Errorf("snapshot at %d, %d entries", l.Snapshot.GetMetadata().GetIndex(), len(l.Entries))
	}

	if err := os.WriteFile(newest, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err = m.read(); err != nil {
		t.Fatal(err)
	}
	if l.Snapshot.GetMetadata().GetIndex() != 5 || len(l.Entries) != 7 || len(l.Broken) != 1 {
		t.Errorf("after the newest snapshot broke: snapshot at %d, %d entries", l.Snapshot.GetMetadata().GetIndex(), len(l.Entries))
	}
}

// TestReadBeyondCommit: a killed member has written down less than it had confirmed. What it alone had to agree to is data.
func TestReadBeyondCommit(t *testing.T) {
	change := func(index uint64, kind raftpb.ConfChangeType, id uint64) *raftpb.Entry {
		data, err := proto.Marshal(&raftpb.ConfChange{Type: &kind, NodeId: &id})
		if err != nil {
			t.Fatal(err)
		}
		e := entry(index, "")
		e.Type, e.Data = new(raftpb.EntryConfChange), data
		return e
	}
	self, other := uint64(0xa), uint64(0xb)
	for name, c := range map[string]struct {
		committed, tail []*raftpb.Entry
		index           uint64
	}{
		"alone":                  {[]*raftpb.Entry{change(1, raftpb.ConfChangeAddNode, self), entry(2, "x")}, []*raftpb.Entry{entry(3, "x"), entry(4, "x")}, 4},
		"with a learner":         {[]*raftpb.Entry{change(1, raftpb.ConfChangeAddNode, self), change(2, raftpb.ConfChangeAddLearnerNode, other)}, []*raftpb.Entry{entry(3, "x")}, 3},
		"one of two":             {[]*raftpb.Entry{change(1, raftpb.ConfChangeAddNode, self), change(2, raftpb.ConfChangeAddNode, other)}, []*raftpb.Entry{entry(3, "x")}, 2},
		"alone again":            {[]*raftpb.Entry{change(1, raftpb.ConfChangeAddNode, self), change(2, raftpb.ConfChangeAddNode, other), change(3, raftpb.ConfChangeRemoveNode, other)}, []*raftpb.Entry{entry(4, "x")}, 4},
		"alone until one joined": {[]*raftpb.Entry{change(1, raftpb.ConfChangeAddNode, self)}, []*raftpb.Entry{entry(2, "x"), change(3, raftpb.ConfChangeAddNode, other), entry(4, "x")}, 3},
		"another is alone":       {[]*raftpb.Entry{change(1, raftpb.ConfChangeAddNode, other)}, []*raftpb.Entry{entry(2, "x")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			commit := uint64(len(c.committed))
			state := &raftpb.HardState{Term: new(uint64(2)), Vote: &self, Commit: &commit}
			if err := errors.Join(m.w.Save(state, c.committed), m.w.Save(&raftpb.HardState{}, c.tail)); err != nil {
				t.Fatal(err)
			}
			m.close()
			l, err := m.read()
			if err != nil {
				t.Fatal(err)
			}
			if all := len(c.committed) + len(c.tail); l.Index() != c.index || l.Commit != commit || l.Uncommitted != all-int(c.index) { //nolint:gosec // small
				t.Errorf("index %d, commit %d, %d uncommitted; want index %d", l.Index(), l.Commit, l.Uncommitted, c.index)
			}
		})
	}
}

// TestReadBeyondCommitFromSnapshot takes the voters from the snapshot.
func TestReadBeyondCommitFromSnapshot(t *testing.T) {
	m := newMember(t)
	m.save(1, 5, 5, "x")
	m.snapshot(5)
	m.save(6, 8, 6, "y")
	m.close()
	l, err := m.read()
	if err != nil {
		t.Fatal(err)
	}
	if l.Index() != 8 || l.Uncommitted != 0 {
		t.Errorf("index %d, %d uncommitted", l.Index(), l.Uncommitted)
	}
}

// A crash while writing leaves any part of the last record: everything before counts, as it does for etcd.
func TestReadTorn(t *testing.T) {
	m := newMember(t)
	m.save(1, 3, 3, "x")
	m.close()
	path, whole := m.last()
	before := len(whole)
	m2, err := wal.Open(zap.NewNop(), m.wal, &walpb.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := m2.ReadAll(); err != nil {
		t.Fatal(err)
	}
	m.w = m2
	m.save(4, 4, 3, strings.Repeat("y", 3000))
	m.close()
	_, whole = m.last()
	for cut := before; cut < len(whole); cut += 7 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := m.read()
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
		}
		if l.Index() != 3 {
			t.Fatalf("cut at %d of %d: index %d", cut, len(whole), l.Index())
		}
	}
}

func TestReadCorrupt(t *testing.T) {
	m := newMember(t)
	m.save(1, 20, 20, strings.Repeat("x", 200))
	m.close()
	path, whole := m.last()
	for name, change := range map[string]func([]byte) []byte{
		"a flipped bit":             func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"committed entries cut off": func(b []byte) []byte { return b[:len(b)-600] },
	} {
		if err := os.WriteFile(path, change(slices.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := m.read()
		if name == "committed entries cut off" {
			// The commit index was behind the entries: what is left is a log that ends earlier, which etcd accepts too.
			if err != nil || !l.Torn {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadMissing(t *testing.T) {
	m := newMember(t)
	m.save(1, 3, 3, "x")
	m.close()
	path, _ := m.last()
	if err := os.Rename(path, filepath.Join(m.wal, "0000000000000002-0000000000000002.wal")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.read(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Read(t.TempDir(), m.snap, consumer); err == nil {
		t.Error("no log at all is read")
	}
}

func FuzzRead(f *testing.F) {
	m := newMember(f)
	m.save(1, 5, 5, "x")
	m.close()
	_, whole := m.last()
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000000-0000000000000000.wal"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := Read(dir, dir, consumer); err == nil && l.Index() < l.Commit {
			t.Errorf("ends at %d, before the committed %d", l.Index(), l.Commit)
		}
	})
}
