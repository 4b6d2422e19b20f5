package v2

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// Raft is who raft takes for members: those of the snapshot, changed by what the log has that a server does not refuse when it reads it again. It is kept apart
// from the list of members, and 3.6 can have the two come to differ (https://github.com/etcd-io/etcd/blob/v3.6.16/server/etcdserver/server.go, applyConfChange).
type Raft struct{ Voters, Learners []uint64 }

func raftOf(s *raftpb.Snapshot) Raft {
	c := s.GetMetadata().GetConfState()
	return Raft{Voters: slices.Clone(c.GetVoters()), Learners: slices.Clone(c.GetLearners())}
}

func (r *Raft) apply(cc *raftpb.ConfChange) {
	id := cc.GetNodeId()
	if cc.GetType() == raftpb.ConfChangeUpdateNode {
		return
	}
	is := func(other uint64) bool { return other == id }
	r.Voters, r.Learners = slices.DeleteFunc(r.Voters, is), slices.DeleteFunc(r.Learners, is)
	switch cc.GetType() {
	case raftpb.ConfChangeAddNode:
		r.Voters = append(r.Voters, id)
	case raftpb.ConfChangeAddLearnerNode:
		r.Learners = append(r.Learners, id)
	case raftpb.ConfChangeRemoveNode, raftpb.ConfChangeUpdateNode:
	}
}
