package v3dir

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// Write completes the member directory at dir, in which snap/db lies already. Log and snapshots that are there go away,
// and with them all that the v2 API has left: etcd 3.6 panics over it, https://github.com/etcd-io/etcd/issues/20809. The database
// is not synced: who keeps the directory has to sync all of it.
func Write(dir string, s Spec) error {
	if err := s.validate(); err != nil {
		return err
	}
	snapDir, walDir := filepath.Join(dir, "snap"), filepath.Join(dir, "wal")
	if err := clear(snapDir, walDir); err != nil {
		return err
	}
	if err := s.database(filepath.Join(snapDir, "db")); err != nil {
		return err
	}
	store, err := s.v2store()
	if err != nil {
		return err
	}
	conf := s.confState()
	err = snap.New(zap.NewNop(), snapDir).SaveSnap(&raftpb.Snapshot{Data: store,
		Metadata: &raftpb.SnapshotMetadata{Index: &s.Index, Term: &s.Term, ConfState: conf}})
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return s.wal(walDir, conf)
}

// clear removes all but the database.
func clear(snapDir, walDir string) error {
	if err := os.RemoveAll(walDir); err != nil {
		return fmt.Errorf("remove old log: %w", err)
	}
	entries, err := os.ReadDir(snapDir)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "db" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(snapDir, e.Name())); err != nil {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
	}
	return nil
}

func (s *Spec) confState() *raftpb.ConfState {
	c := &raftpb.ConfState{}
	for _, m := range s.Members {
		if m.Learner {
			c.Learners = append(c.Learners, m.ID)
		} else {
			c.Voters = append(c.Voters, m.ID)
		}
	}
	return c
}

// database says in the database what the log and the snapshot say too.
func (s *Spec) database(path string) error {
	db, err := open(path, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Update(s.meta); err != nil {
		return fmt.Errorf("write membership: %w", err)
	}
	return closed(db)
}

func (s *Spec) meta(tx *bolt.Tx) error {
	for _, b := range [][]byte{schema.Members.Name(), schema.MembersRemoved.Name(), schema.Cluster.Name()} {
		if err := tx.DeleteBucket(b); err != nil && !errors.Is(err, bolt.ErrBucketNotFound) { //nolint:staticcheck // its new home is an internal package's
			return err
		}
	}
	for _, b := range schema.AllBuckets {
		if _, err := tx.CreateBucketIfNotExists(b.Name()); err != nil {
			return err
		}
	}
	for _, m := range s.Members {
		value, err := json.Marshal(m.record())
		if err != nil {
			return err
		}
		if err := tx.Bucket(schema.Members.Name()).Put(memberKey(m.ID), value); err != nil {
			return err
		}
	}
	for _, id := range s.Removed {
		if err := tx.Bucket(schema.MembersRemoved.Name()).Put(memberKey(id), []byte("removed")); err != nil {
			return err
		}
	}
	if err := tx.Bucket(schema.Cluster.Name()).Put(schema.ClusterClusterVersionKeyName, []byte(s.Format.clusterVersion())); err != nil {
		return err
	}
	return s.progress(tx.Bucket(schema.Meta.Name()))
}

// progress says up to where the database has come. Term and members are there from 3.5 on, and are how it is known.
func (s *Spec) progress(meta *bolt.Bucket) error {
	values := map[string][]byte{string(schema.MetaConsistentIndexKeyName): binary.BigEndian.AppendUint64(nil, s.Index)}
	if s.Format >= 5 {
		conf, err := json.Marshal(s.confState())
		if err != nil {
			return err
		}
		values[string(schema.MetaTermKeyName)] = binary.BigEndian.AppendUint64(nil, s.Term)
		values[string(schema.MetaConfStateName)] = conf
	}
	for _, name := range [][]byte{schema.MetaTermKeyName, schema.MetaConfStateName, schema.MetaStorageVersionName} {
		if err := meta.Delete(name); err != nil {
			return err
		}
	}
	for name, value := range values {
		if err := meta.Put([]byte(name), value); err != nil {
			return err
		}
	}
	return nil
}

func memberKey(id uint64) []byte { return []byte(idString(id)) }

func idString(id uint64) string { return fmt.Sprintf("%x", id) }

// record is a member as the database holds it.
func (m Member) record() any {
	return struct {
		ID        uint64   `json:"id"`
		PeerURLs  []string `json:"peerURLs"`
		IsLearner bool     `json:"isLearner,omitempty"`
		attributes
	}{m.ID, m.PeerURLs, m.Learner, attributes{m.Name, m.ClientURLs}}
}

type attributes struct {
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
}

type raftAttributes struct {
	PeerURLs  []string `json:"peerURLs"`
	IsLearner bool     `json:"isLearner,omitempty"`
}

// v2store is the store of a snapshot: until 3.5 it is the members' true home.
func (s *Spec) v2store() ([]byte, error) {
	store := v2store.New("/0", "/1")
	set := func(path string, value any) error {
		text, ok := value.(string)
		if !ok {
			data, err := json.Marshal(value)
			if err != nil {
				return err
			}
			text = string(data)
		}
		_, err := store.Set(path, false, text, v2store.TTLOptionSet{})
		return err
	}
	err := set("/0/version", s.Format.clusterVersion())
	for _, m := range s.Members {
		dir := "/0/members/" + idString(m.ID)
		err = errors.Join(err, set(dir+"/raftAttributes", raftAttributes{m.PeerURLs, m.Learner}))
		if m.Name != "" { // one that was added and has not started yet
			err = errors.Join(err, set(dir+"/attributes", attributes{m.Name, m.ClientURLs}))
		}
	}
	for _, id := range s.Removed {
		err = errors.Join(err, set("/0/removed_members/"+idString(id), ""))
	}
	if err != nil {
		return nil, fmt.Errorf("write v2 store: %w", err)
	}
	return store.SaveNoCopy()
}

// wal writes a log that begins at the snapshot.
func (s *Spec) wal(dir string, conf *raftpb.ConfState) error {
	meta, err := proto.Marshal(&etcdserverpb.Metadata{NodeID: &s.NodeID, ClusterID: &s.ClusterID})
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	w, err := wal.Create(zap.NewNop(), dir, meta)
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	defer w.Close()
	if err := w.SaveSnapshot(&walpb.Snapshot{Index: &s.Index, Term: &s.Term, ConfState: conf}); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	term := max(s.HardTerm, s.Term)
	if err := w.Save(&raftpb.HardState{Term: &term, Vote: &s.Vote, Commit: &s.Index}, nil); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}
