package v2

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/raftlog"
)

func logOf(requests ...Request) *raftlog.Log {
	l := &raftlog.Log{Entries: []*raftpb.Entry{member(raftpb.ConfChangeAddNode, 0xa, `{"id":10,"peerURLs":["http://a"],"name":"ignored"}`)}}
	for i, r := range requests {
		index, term := uint64(i+2), uint64(1)
		l.Entries = append(l.Entries, &raftpb.Entry{Index: &index, Term: &term, Data: encode(r)})
	}
	return l
}

func member(kind raftpb.ConfChangeType, id uint64, context string) *raftpb.Entry {
	data, err := proto.Marshal(&raftpb.ConfChange{Type: kind.Enum(), NodeId: &id, Context: []byte(context)})
	if err != nil {
		panic(err)
	}
	return &raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Data: data}
}

func replay(t *testing.T, l *raftlog.Log) *State {
	t.Helper()
	s, err := Replay(l, Early{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func contents(t *testing.T, s *State) *Contents {
	t.Helper()
	c, err := s.Contents()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReplay(t *testing.T) {
	yes, no := true, false
	end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	s := replay(t, logOf(
		Request{Method: "PUT", Path: "/1/registry/a", Val: "1"},                                                       // index 2, after the member
		Request{Method: "PUT", Path: "/1/registry/a", Val: "2", PrevValue: "1"},                                       // 3
		Request{Method: "PUT", Path: "/1/registry/a", Val: "never", PrevValue: "1"},                                   // refused
		Request{Method: "PUT", Path: "/1/registry/a", Val: "never", PrevExist: &no},                                   // refused
		Request{Method: "PUT", Path: "/1/registry/a", Val: "3", PrevExist: &yes},                                      // 4
		Request{Method: "POST", Path: "/1/queue", Val: "q"},                                                           // 5
		Request{Method: "PUT", Path: "/1/_hidden/x", Val: "h", Expiration: end.UnixNano()},                            // 6
		Request{Method: "PUT", Path: "/1/dir", Dir: true, Expiration: end.Add(-time.Hour).UnixNano()},                 // 7
		Request{Method: "PUT", Path: "/1/dir/x", Val: "d", Expiration: end.UnixNano()},                                // 8
		Request{Method: "PUT", Path: "/1/soon", Val: "s", Expiration: end.Add(-24 * time.Hour).UnixNano()},            // 9
		Request{Method: "QGET", Path: "/1/registry"},                                                                  // reads only
		Request{Method: "SYNC", Time: end.Add(-12 * time.Hour).UnixNano()},                                            // 10: soon ends
		Request{Method: "PUT", Path: "/1/empty", Dir: true},                                                           // 11
		Request{Method: "PUT", Path: "/1/gone", Val: "g"}, Request{Method: "DELETE", Path: "/1/gone", PrevValue: "g"}, // 12, 13
		Request{Method: "PUT", Path: "/2/enabled", Val: "true"},      // 14
		Request{Method: "PUT", Path: "/2/users/root", Val: "secret"}, // 15
	))
	if s.Index() != 15 {
		t.Errorf("index %d", s.Index())
	}
	want := &Contents{
		Keys: []Key{
			{Path: "/registry/a", Value: "3", Created: 2, Modified: 4},
			{Path: fmt.Sprintf("/queue/%020d", 5), Value: "q", Created: 5, Modified: 5},
			{Path: "/_hidden/x", Value: "h", Created: 6, Modified: 6, Expires: end},
			{Path: "/dir/x", Value: "d", Created: 8, Modified: 8, Expires: end.Add(-time.Hour)},
		},
		Hidden: 1, EmptyDirs: 1, Users: 1, AuthEnabled: true,
	}
	got := contents(t, s)
	if d := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"/registry": 1, "/queue": 1, "/_hidden": 1, "/dir": 1}, got.Prefixes("/registry")); d != "" {
		t.Errorf("prefixes (-want +got):\n%s", d)
	}
}

// A snapshot and the log after it are the same as the whole log.
func TestReplayFromSnapshot(t *testing.T) {
	l := logOf(Request{Method: "PUT", Path: "/1/a", Val: "1"}, Request{Method: "PUT", Path: "/1/_b", Val: "2"}, Request{Method: "PUT", Path: "/1/a", Val: "3"})
	whole := replay(t, l)
	half := replay(t, &raftlog.Log{Entries: l.Entries[:3]})
	data, err := half.store.Save()
	if err != nil {
		t.Fatal(err)
	}
	rest := replay(t, &raftlog.Log{Snapshot: &raftpb.Snapshot{Data: data}, Entries: l.Entries[3:]})
	if d := cmp.Diff(contents(t, whole), contents(t, rest)); d != "" {
		t.Errorf("(-whole +rest):\n%s", d)
	}
	if whole.Index() != rest.Index() {
		t.Errorf("index %d and %d", whole.Index(), rest.Index())
	}
}

func TestMembers(t *testing.T) {
	l := logOf(Request{Method: "PUT", Path: "/0/members/a/attributes", Val: `{"name":"one","clientURLs":["http://c"]}`})
	l.Entries = append(l.Entries,
		member(raftpb.ConfChangeAddNode, 0xb, `{"id":11,"peerURLs":["http://b"]}`),
		member(raftpb.ConfChangeAddNode, 0xb, `{"id":11,"peerURLs":["http://other"]}`), // is one already
		member(raftpb.ConfChangeAddNode, 0xc, `{"id":12,"peerURLs":["http://a"]}`),     // the URL is taken
		member(raftpb.ConfChangeAddLearnerNode, 0xd, `{"id":13,"peerURLs":["http://d"],"isLearner":true}`),
		member(raftpb.ConfChangeAddLearnerNode, 0xe, `{"id":14,"peerURLs":["http://e"],"isLearner":true}`),
		member(raftpb.ConfChangeAddNode, 0xe, `{"id":14,"peerURLs":["http://e"],"isPromote":true}`),
		member(raftpb.ConfChangeUpdateNode, 0xa, `{"id":10,"peerURLs":["http://a2"]}`),
		member(raftpb.ConfChangeRemoveNode, 0xb, ""),
		member(raftpb.ConfChangeAddNode, 0xb, `{"id":11,"peerURLs":["http://b"]}`), // was removed
		&raftpb.Entry{Data: encode(Request{Method: "PUT", Path: "/0/members/b/attributes", Val: `{"name":"late"}`})},
	)
	s := replay(t, l)
	want := []Member{
		{ID: 0xa, Name: "one", PeerURLs: []string{"http://a2"}, ClientURLs: []string{"http://c"}},
		{ID: 0xd, PeerURLs: []string{"http://d"}, Learner: true},
		{ID: 0xe, PeerURLs: []string{"http://e"}},
	}
	if d := cmp.Diff(want, s.MemberList()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]uint64{0xb}, s.RemovedList()); d != "" {
		t.Errorf("removed (-want +got):\n%s", d)
	}
	if d := cmp.Diff(Raft{Voters: []uint64{0xa, 0xe}, Learners: []uint64{0xd}}, s.Raft); d != "" {
		t.Errorf("raft (-want +got):\n%s", d)
	}
}

// TestLostVoter reads what 3.6 can leave behind: a snapshot of members that join only after it, by its own log. Servers refuse their joining then.
func TestLostVoter(t *testing.T) {
	join := logOf()
	join.Entries = append(join.Entries,
		member(raftpb.ConfChangeAddLearnerNode, 0xb, `{"id":11,"peerURLs":["http://b"],"isLearner":true}`),
		member(raftpb.ConfChangeAddNode, 0xb, `{"id":11,"peerURLs":["http://b"],"isPromote":true}`))
	data, err := replay(t, join).store.Save()
	if err != nil {
		t.Fatal(err)
	}
	snapshot := &raftpb.Snapshot{Data: data, Metadata: &raftpb.SnapshotMetadata{ConfState: &raftpb.ConfState{Voters: []uint64{0xa}}}}
	lost := replay(t, &raftlog.Log{Snapshot: snapshot, Entries: join.Entries[len(join.Entries)-2:]})
	if d := cmp.Diff(Raft{Voters: []uint64{0xa}}, lost.Raft); d != "" {
		t.Errorf("raft (-want +got):\n%s", d)
	}
	if got := lost.MemberList(); len(got) != 2 || got[1].ID != 0xb || got[1].Learner {
		t.Errorf("members %+v", got)
	}
	if whole := replay(t, join); len(whole.Raft.Voters) != 2 {
		t.Errorf("without a snapshot: %+v", whole.Raft)
	}
}
