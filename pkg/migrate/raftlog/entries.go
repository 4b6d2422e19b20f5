package raftlog

import (
	"fmt"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// entries are those behind an index, one after the other.
type entries struct {
	after uint64
	all   []*raftpb.Entry
	trim  func(data []byte) []byte
	// strict refuses a log in which some are missing. Otherwise gap says so, and only those behind the last gap are there.
	strict, gap bool
}

// add takes the entry of a record. It replaces those at and behind its index: another leader had come.
func (s *entries) add(r *walpb.Record) error {
	e := &raftpb.Entry{}
	if err := proto.Unmarshal(r.GetData(), e); err != nil {
		return fmt.Errorf("parse entry: %w", err)
	}
	if e.GetType() == raftpb.EntryNormal {
		e.Data = s.trim(e.GetData())
	}
	if s.after == 0 && len(s.all) == 0 && !s.strict && e.GetIndex() > 0 {
		s.after = e.GetIndex() - 1 // the files before were removed
	}
	if e.GetIndex() <= s.after {
		return nil
	}
	at := e.GetIndex() - s.after - 1
	if at > uint64(len(s.all)) {
		if s.strict {
			return fmt.Errorf("entries between %d and %d are missing", s.after+uint64(len(s.all)), e.GetIndex())
		}
		s.gap, s.after, s.all, at = true, e.GetIndex()-1, nil, 0
	}
	s.all = append(s.all[:at], e)
	return nil
}

// drop lets go of those that a snapshot has.
func (s *entries) drop(index uint64) {
	if index <= s.after {
		return
	}
	n := min(index-s.after, uint64(len(s.all)))
	clear(s.all[:n])
	s.after, s.all = index, s.all[n:]
}
