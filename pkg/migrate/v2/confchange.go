package v2

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/raft/v3/raftpb"
)

// confChange keeps the members in the store, as servers do: each change moves the store's index on.
// A change that a server would have refused leaves no trace, neither in the store nor in raft.
// See https://github.com/etcd-io/etcd/blob/v2.3.8/etcdserver/cluster.go (ValidateConfigurationChange, AddMember).
func (s *State) confChange(cc *raftpb.ConfChange) error {
	done, err := s.change(cc)
	if done && err == nil {
		s.Raft.apply(cc)
	}
	return err
}

// change tells whether a server would have done it.
func (s *State) change(cc *raftpb.ConfChange) (done bool, err error) {
	id := cc.GetNodeId()
	if id == 0 || s.Removed[id] {
		return false, nil
	}
	now, known := s.Members[id]
	if cc.GetType() == raftpb.ConfChangeRemoveNode {
		if !known {
			return false, nil
		}
		return true, s.removeMember(id)
	}
	// The context is a member, and from 3.4 on may say that it is a learner to be promoted.
	var m struct {
		raftAttributes
		attributes
		IsPromote bool `json:"isPromote"`
	}
	if err := json.Unmarshal(cc.GetContext(), &m); err != nil {
		return false, fmt.Errorf("parse member %x: %w", id, err)
	}
	update := cc.GetType() == raftpb.ConfChangeUpdateNode || m.IsPromote
	if known != update || m.IsPromote && !now.Learner || s.taken(id, m.PeerURLs) && !m.IsPromote {
		return false, nil
	}
	if m.IsPromote {
		m.PeerURLs = now.PeerURLs
	}
	learner := m.IsLearner && !m.IsPromote
	value, err := json.Marshal(raftAttributes{PeerURLs: m.PeerURLs, IsLearner: learner})
	if err != nil {
		return false, fmt.Errorf("write member %x: %w", id, err)
	}
	node := path.Join(clusterPrefix, "members", fmt.Sprintf("%x", id), "raftAttributes")
	if update {
		_, err = s.store.Update(node, string(value), v2store.TTLOptionSet{})
	} else {
		_, err = s.store.Create(node, false, string(value), false, v2store.TTLOptionSet{})
		now = Member{ID: id, Name: m.Name, ClientURLs: m.ClientURLs}
	}
	if err != nil {
		return false, fmt.Errorf("write member %x: %w", id, err)
	}
	now.PeerURLs, now.Learner = m.PeerURLs, learner
	s.Members[id] = now
	return true, nil
}

// taken says whether another member has one of the URLs.
func (s *State) taken(id uint64, urls []string) bool {
	for other, m := range s.Members {
		if other != id && slices.ContainsFunc(urls, func(u string) bool { return slices.Contains(m.PeerURLs, u) }) {
			return true
		}
	}
	return false
}

func (s *State) removeMember(id uint64) error {
	name := fmt.Sprintf("%x", id)
	if _, err := s.store.Delete(path.Join(clusterPrefix, "members", name), true, true); err != nil {
		return fmt.Errorf("remove member %s: %w", name, err)
	}
	if _, err := s.store.Create(path.Join(clusterPrefix, "removed_members", name), false, "", false, v2store.TTLOptionSet{}); err != nil {
		return fmt.Errorf("remove member %s: %w", name, err)
	}
	delete(s.Members, id)
	s.Removed[id] = true
	return nil
}
