// Package raftlog reads what raft has left in a member's directory: a snapshot, and the entries after it that are
// committed. It changes nothing, and asks for no lock.
package raftlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/snapfile"
)

// Log is what a member will start from.
type Log struct {
	NodeID, ClusterID uint64
	// Term, Vote and Commit are the last hard state.
	Term, Vote, Commit uint64
	// Snapshot is the newest one that is whole, nil when the log reaches back to its beginning.
	Snapshot     *raftpb.Snapshot
	SnapshotFile string
	// Broken are newer snapshot files that cannot be read; the log makes up for them.
	Broken []string
	// Entries are those after the snapshot that are committed: up to Commit, and beyond it as far as this member was the only voter.
	Entries []*raftpb.Entry
	// Uncommitted entries follow in the log. They may still be overwritten by other members, so they are no data.
	Uncommitted int
	// Torn says that the log ends in a record which a crash has cut off.
	Torn bool
}

// Index is that of the last committed entry, and of the snapshot when there is none after it.
func (l *Log) Index() uint64 {
	if n := len(l.Entries); n > 0 {
		return l.Entries[n-1].GetIndex()
	}
	return l.Snapshot.GetMetadata().GetIndex()
}

// IndexTerm is the term of the entry at Index.
func (l *Log) IndexTerm() uint64 {
	if n := len(l.Entries); n > 0 {
		return l.Entries[n-1].GetTerm()
	}
	return l.Snapshot.GetMetadata().GetTerm()
}

// Consumer is whom a log is read for.
type Consumer struct {
	// Snapshot gets the newest snapshot that can be read, which need not be the one that the log goes on from, while the log is still read.
	Snapshot func(*raftpb.Snapshot)
	// Trim gives what is needed of an ordinary entry's data: all entries together can be larger than memory.
	Trim func(data []byte) []byte
}

// Read reads the log in walDir and the snapshots in snapDir.
func Read(walDir, snapDir string, c Consumer) (*Log, error) {
	list, err := segments(walDir)
	if err != nil {
		return nil, err
	}
	l := &Log{}
	read := readAhead(snapDir, c.Snapshot)
	var marks []*walpb.Snapshot
	tail := entries{trim: c.Trim}
	l.Torn, err = scan(list, func(r *walpb.Record) error {
		if r.GetType() == wal.EntryType {
			return tail.add(r)
		}
		n := len(marks)
		if err := l.head(r, &marks); err != nil {
			return err
		}
		for _, m := range marks[n:] {
			tail.drop(m.GetIndex())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	start, err := l.choose(snapDir, marks, read)
	if err == nil {
		err = l.follow(list, tail, start.GetIndex())
	}
	if err != nil && len(l.Broken) > 0 {
		return nil, fmt.Errorf("%w; and snapshot %s cannot be read", err, l.Broken[0])
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// head takes all but the entries.
func (l *Log) head(r *walpb.Record, marks *[]*walpb.Snapshot) error {
	switch r.GetType() {
	case wal.MetadataType:
		var m etcdserverpb.Metadata
		if err := proto.Unmarshal(r.GetData(), &m); err != nil {
			return fmt.Errorf("parse metadata: %w", err)
		}
		if l.NodeID != 0 && (l.NodeID != m.GetNodeID() || l.ClusterID != m.GetClusterID()) {
			return errors.New("it belongs to two members")
		}
		l.NodeID, l.ClusterID = m.GetNodeID(), m.GetClusterID()
	case wal.StateType:
		var s raftpb.HardState
		if err := proto.Unmarshal(r.GetData(), &s); err != nil {
			return fmt.Errorf("parse hard state: %w", err)
		}
		l.Term, l.Vote, l.Commit = s.GetTerm(), s.GetVote(), s.GetCommit()
	case wal.SnapshotType:
		m := &walpb.Snapshot{}
		if err := proto.Unmarshal(r.GetData(), m); err != nil {
			return fmt.Errorf("parse snapshot mark: %w", err)
		}
		*marks = append(*marks, m)
	case wal.EntryType:
	default:
		return fmt.Errorf("record of unknown type %d", r.GetType())
	}
	return nil
}

// choose finds the newest whole snapshot that the log knows of. A snapshot file is written before its mark in the log
// by newer servers and after it by old ones, and a crash can come between the two.
func (l *Log) choose(snapDir string, marks []*walpb.Snapshot, read reader) (*walpb.Snapshot, error) {
	files, err := snapfile.List(snapDir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		s, err := read(f)
		if err != nil {
			if errors.Is(err, os.ErrPermission) {
				return nil, err
			}
			l.Broken = append(l.Broken, filepath.Base(f))
			continue
		}
		for _, m := range marks {
			if m.GetIndex() == s.GetMetadata().GetIndex() && m.GetTerm() == s.GetMetadata().GetTerm() && m.GetIndex() <= l.Commit {
				l.Snapshot, l.SnapshotFile = s, f
				return m, nil
			}
		}
	}
	if len(marks) > 0 && marks[0].GetIndex() == 0 {
		return marks[0], nil
	}
	if len(l.Broken) > 0 {
		return nil, fmt.Errorf("%w: no snapshot can be read (%s), and the log does not reach back to the beginning", ErrCorrupt, l.Broken[0])
	}
	return nil, fmt.Errorf("%w: no snapshot for what is left of the log in %s", ErrCorrupt, snapDir)
}

// follow takes what follows the snapshot. It is read once more when the snapshot is an older one than the newest that the log knows of, or when
// something is missing: whether that matters depends on where the snapshot is.
func (l *Log) follow(list []segment, tail entries, start uint64) error {
	if tail.after > start || tail.gap {
		from := 0
		for i, s := range list {
			if s.index <= start {
				from = i
			}
		}
		tail = entries{after: start, strict: true, trim: tail.trim}
		_, err := scan(list[from:], func(r *walpb.Record) error {
			if r.GetType() != wal.EntryType {
				return nil
			}
			return tail.add(r)
		})
		if err != nil {
			return err
		}
	}
	tail.drop(start)
	all, n := tail.all, 0
	for n < len(all) && all[n].GetIndex() <= l.Commit {
		n++
	}
	n = max(n, l.agreedAlone(all, n))
	l.Entries, l.Uncommitted = all[:n:n], len(all)-n
	if got := l.Index(); got < l.Commit {
		return fmt.Errorf("%w: it ends at index %d, but %d was committed", ErrCorrupt, got, l.Commit)
	}
	return nil
}

// agreedAlone is how many entries are committed because this member alone had to agree. A server confirms a write as soon as the entry is
// on the disk, and writes down that it is committed with a later one: after a kill, Commit is behind what clients were told.
// See https://github.com/etcd-io/raft/blob/v3.6.0/rawnode.go (MustSync: not when only Commit has changed).
func (l *Log) agreedAlone(all []*raftpb.Entry, committed int) int {
	voters := map[uint64]bool{}
	for _, id := range l.Snapshot.GetMetadata().GetConfState().GetVoters() {
		voters[id] = true
	}
	for i, e := range all {
		if i >= committed && (len(voters) != 1 || !voters[l.NodeID]) {
			return i
		}
		switch e.GetType() {
		case raftpb.EntryNormal:
		case raftpb.EntryConfChange:
			cc := &raftpb.ConfChange{}
			if err := proto.Unmarshal(e.GetData(), cc); err != nil {
				return max(i, committed)
			}
			switch cc.GetType() {
			case raftpb.ConfChangeAddNode:
				voters[cc.GetNodeId()] = true
			case raftpb.ConfChangeRemoveNode, raftpb.ConfChangeAddLearnerNode:
				delete(voters, cc.GetNodeId())
			case raftpb.ConfChangeUpdateNode:
			}
		default: // etcd makes no others
			return max(i, committed)
		}
	}
	return len(all)
}
