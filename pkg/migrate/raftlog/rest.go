package raftlog

import (
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// Rest is the end of a log, as it is written: whether all of it is committed is not known.
type Rest struct {
	NodeID, ClusterID uint64
	// Data are those of the ordinary entries after the index.
	Data [][]byte
}

// ReadRest reads no more of the log in walDir than it takes to see what comes after index. It is nil where the entry at index is not in the log: then
// others can be missing too, and only all of it can tell. trim is as in Consumer.
func ReadRest(walDir string, index uint64, trim func(data []byte) []byte) (*Rest, error) {
	list, err := segments(walDir)
	if err != nil {
		return nil, err
	}
	from := 0
	for i, s := range list {
		if s.index <= index {
			from = i
		}
	}
	var l Log
	var marks []*walpb.Snapshot
	tail := entries{trim: trim}
	_, err = scan(list[from:], func(r *walpb.Record) error {
		if r.GetType() == wal.EntryType {
			return tail.add(r)
		}
		return l.head(r, &marks)
	})
	if err != nil || tail.gap || index <= tail.after || index > tail.after+uint64(len(tail.all)) {
		return nil, err
	}
	tail.drop(index)
	out := &Rest{NodeID: l.NodeID, ClusterID: l.ClusterID}
	for _, e := range tail.all {
		if e.GetType() == raftpb.EntryNormal {
			out.Data = append(out.Data, e.GetData())
		}
	}
	return out, nil
}
