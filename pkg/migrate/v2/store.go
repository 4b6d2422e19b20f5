// Package v2 replays the v2 API's part of a member's log, and gives the keys that a server would have served from it.
package v2

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v2error"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/raftlog"
)

// The store's namespaces: what the cluster keeps about itself, the keys of its users, and who may read them.
const (
	clusterPrefix = "/0"
	keysPrefix    = "/1"
	authPrefix    = "/2"
)

// State is the v2 store at one index of the log.
type State struct {
	Members map[uint64]Member
	Removed map[uint64]bool
	Raft    Raft
	// Writes counts the requests in the log after the snapshot that 3.6 would refuse to start over, see Leftover.
	Writes int
	// From2 says that the log, and not the snapshot, holds the time in which the cluster's version was 2.x.
	From2 bool
	// Synced is the newest time at which a leader let keys expire.
	Synced time.Time

	store v2store.Store
}

// Member is one member as the v2 store knows it.
type Member struct {
	ID         uint64
	Name       string
	PeerURLs   []string
	ClientURLs []string
	Learner    bool
}

// Replay brings up the store of a log: the snapshot, which may have been recovered already, and everything committed after it.
func Replay(l *raftlog.Log, early Early) (*State, error) {
	if early.store == nil || early.from != l.Snapshot {
		early = Early{}
		early.Recover(l.Snapshot)
	}
	if early.err != nil {
		return nil, fmt.Errorf("read v2 store of %s: %w", l.SnapshotFile, early.err)
	}
	s := &State{Removed: map[uint64]bool{}, Raft: raftOf(l.Snapshot), store: early.store}
	if err := s.readMembers(); err != nil {
		return nil, err
	}
	for _, e := range l.Entries {
		if err := s.apply(e); err != nil {
			return nil, fmt.Errorf("apply entry %d: %w", e.GetIndex(), err)
		}
	}
	return s, s.readMembers()
}

// Index is the store's own counter, which v2 clients know as X-Etcd-Index. It is not the log's.
func (s *State) Index() uint64 { return s.store.Index() }

// ClusterVersion is the version that the members had agreed on, empty when they had not.
func (s *State) ClusterVersion() string {
	e, err := s.store.Get(path.Join(clusterPrefix, "version"), false, false)
	if err != nil || e.Node.Value == nil {
		return ""
	}
	return *e.Node.Value
}

func (s *State) apply(e *raftpb.Entry) error {
	switch e.GetType() {
	case raftpb.EntryNormal:
		r, err := DecodeEntry(e.GetData())
		if err != nil || r == nil {
			return err
		}
		if Leftover(r) {
			s.Writes++
		}
		return s.request(r)
	case raftpb.EntryConfChange:
		cc := &raftpb.ConfChange{}
		if err := proto.Unmarshal(e.GetData(), cc); err != nil {
			return fmt.Errorf("parse change of members: %w", err)
		}
		return s.confChange(cc)
	case raftpb.EntryConfChangeV2:
		return errors.New("joint change of members: no release of etcd writes one")
	}
	return fmt.Errorf("entry of unknown type %d", e.GetType())
}

// request does what a server would have done. What it refused to do, such as a comparison that failed, is no error here:
// the client was told, and the store stayed as it was.
// See https://github.com/etcd-io/etcd/blob/v2.3.8/etcdserver/server.go (applyRequest).
func (s *State) request(r *Request) error {
	ttl := v2store.TTLOptionSet{Refresh: r.Refresh != nil && *r.Refresh}
	if r.Expiration != 0 {
		ttl.ExpireTime = time.Unix(0, r.Expiration)
	}
	if r.Method == "PUT" && r.Path == clusterPrefix+"/version" && strings.HasPrefix(r.Val, "2.") {
		s.From2 = true
	}
	compare := r.PrevIndex > 0 || r.PrevValue != ""
	if r.Method == "PUT" && memberAttributes.MatchString(r.Path) {
		if id, err := parseID(path.Base(path.Dir(r.Path))); err != nil || s.Removed[id] {
			return err
		}
	}
	var err error
	switch {
	case r.Method == "POST":
		_, err = s.store.Create(r.Path, r.Dir, r.Val, true, ttl)
	case r.Method == "PUT" && r.PrevExist != nil && !*r.PrevExist:
		_, err = s.store.Create(r.Path, r.Dir, r.Val, false, ttl)
	case r.Method == "PUT" && compare:
		_, err = s.store.CompareAndSwap(r.Path, r.PrevValue, r.PrevIndex, r.Val, ttl)
	case r.Method == "PUT" && r.PrevExist != nil:
		_, err = s.store.Update(r.Path, r.Val, ttl)
	case r.Method == "PUT":
		_, err = s.store.Set(r.Path, r.Dir, r.Val, ttl)
	case r.Method == "DELETE" && compare:
		_, err = s.store.CompareAndDelete(r.Path, r.PrevValue, r.PrevIndex)
	case r.Method == "DELETE":
		_, err = s.store.Delete(r.Path, r.Dir, r.Recursive)
	case r.Method == "SYNC":
		s.Synced = time.Unix(0, r.Time)
		s.store.DeleteExpiredKeys(s.Synced)
	}
	var refused *v2error.Error
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	return nil
}

// attributes of a member are kept in two nodes, as JSON.
type raftAttributes struct {
	PeerURLs  []string `json:"peerURLs"`
	IsLearner bool     `json:"isLearner,omitempty"`
}

type attributes struct {
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
}

func (s *State) readMembers() error {
	s.Members = map[uint64]Member{}
	var refused *v2error.Error
	e, err := s.store.Get(path.Join(clusterPrefix, "members"), true, true)
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("read members: %w", err)
	}
	if err == nil {
		for _, n := range e.Node.Nodes {
			m, err := readMember(n)
			if err != nil {
				return err
			}
			s.Members[m.ID] = m
		}
	}
	e, err = s.store.Get(path.Join(clusterPrefix, "removed_members"), true, true)
	if err != nil {
		return nil //nolint:nilerr // no member was ever removed
	}
	for _, n := range e.Node.Nodes {
		id, err := parseID(path.Base(n.Key))
		if err != nil {
			return err
		}
		s.Removed[id] = true
	}
	return nil
}

func readMember(n *v2store.NodeExtern) (Member, error) {
	id, err := parseID(path.Base(n.Key))
	if err != nil {
		return Member{}, err
	}
	m := Member{ID: id}
	for _, c := range n.Nodes {
		if c.Value == nil {
			continue
		}
		switch path.Base(c.Key) {
		case "raftAttributes":
			var a raftAttributes
			if err := json.Unmarshal([]byte(*c.Value), &a); err != nil {
				return m, fmt.Errorf("read member %x: %w", id, err)
			}
			m.PeerURLs, m.Learner = a.PeerURLs, a.IsLearner
		case "attributes":
			var a attributes
			if err := json.Unmarshal([]byte(*c.Value), &a); err != nil {
				return m, fmt.Errorf("read member %x: %w", id, err)
			}
			m.Name, m.ClientURLs = a.Name, a.ClientURLs
		}
	}
	return m, nil
}

func parseID(s string) (uint64, error) {
	var id uint64
	if n, err := fmt.Sscanf(s, "%x", &id); err != nil || n != 1 {
		return 0, fmt.Errorf("read member: %q is no member's ID", s)
	}
	return id, nil
}

// MemberList is the members in the order of their IDs.
func (s *State) MemberList() []Member {
	return slices.SortedFunc(maps.Values(s.Members), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
}

// RemovedList is the IDs of members that once were, in order.
func (s *State) RemovedList() []uint64 { return slices.Sorted(maps.Keys(s.Removed)) }
