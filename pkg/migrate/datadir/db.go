package datadir

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

// Database is what the v3 database holds.
type Database struct {
	Size            int64       `json:"size"`
	Free            int64       `json:"free"`
	Keys            int         `json:"keys"`
	LeasedKeys      int         `json:"leasedKeys"`
	Leases          int         `json:"leases"`
	Revision        int64       `json:"revision"`
	CompactRevision int64       `json:"compactRevision"`
	ConsistentIndex uint64      `json:"consistentIndex"`
	Term            uint64      `json:"term,omitempty"`
	ClusterVersion  string      `json:"clusterVersion,omitempty"`
	StorageVersion  string      `json:"storageVersion,omitempty"`
	AuthEnabled     bool        `json:"authEnabled"`
	Alarms          []string    `json:"alarms,omitempty"`
	Members         []v2.Member `json:"members"`
	Removed         []uint64    `json:"removed,omitempty"`
	Voters          []uint64    `json:"voters,omitempty"`
	Learners        []uint64    `json:"learners,omitempty"`
	// Hash is over keys, values and revisions of what has no lease: what has one may end while it is looked at.
	Hash string `json:"hash"`
	// Prefixes say the same of the keys by the first two levels of their names, such as /registry/pods.
	Prefixes map[string]Part `json:"prefixes,omitempty"`
	// Kubernetes is the UID by which the cluster is known whose objects these are; empty where none is to be read.
	Kubernetes string `json:"kubernetes,omitempty"`

	live map[string]entry
}

// Part is some of the keys.
type Part struct {
	Keys int    `json:"keys"`
	Hash string `json:"hash"`
}

// Has says whether the key is there.
func (d *Database) Has(key string) bool {
	_, ok := d.live[key]
	return ok
}

// ReadDB reads a database without writing to it. One in use is an error after a moment.
func ReadDB(path string) (*Database, error) {
	// All of it is needed: the kernel maps it at once, instead of page by page, each of which costs a fault.
	return read(path, unix.MAP_POPULATE, func(db *Database, b *bolt.DB, tx *bolt.Tx) error {
		db.Free = db.Size - used(tx)*int64(b.Info().PageSize)
		return errors.Join(db.readKeys(tx), db.outline(tx))
	})
}

// readOutline leaves out what has to go through all of it.
func readOutline(path string) (*Database, error) {
	return read(path, 0, func(db *Database, _ *bolt.DB, tx *bolt.Tx) error { return db.outline(tx) })
}

func (d *Database) outline(tx *bolt.Tx) error {
	return errors.Join(d.readMeta(tx), d.readMembers(tx), d.readRest(tx))
}

func read(path string, mapping int, into func(*Database, *bolt.DB, *bolt.Tx) error) (db *Database, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a broken file may send bolt out of what is mapped
	defer func() {                                           // bolt has assertions where a broken file would lead it astray
		if r := recover(); r != nil {
			err = fmt.Errorf("read database %s: it is broken: %v", path, r)
		}
	}()
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, fmt.Errorf("read database %s: it is empty", path)
	}
	b, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true, Timeout: time.Second, MmapFlags: mapping})
	if errors.Is(err, bolt.ErrTimeout) { //nolint:staticcheck // its new home is an internal package's
		return nil, fmt.Errorf("read database %s: %w", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", path, err)
	}
	defer b.Close()
	db = &Database{}
	err = b.View(func(tx *bolt.Tx) error {
		db.Size = tx.Size()
		return into(db, b, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", path, err)
	}
	return db, nil
}

// used counts the pages in use. Bolt's own list of free pages may not be in the file; to make it anew, bolt walks the
// pages in a goroutine of its own, where a broken one ends the process.
func used(tx *bolt.Tx) int64 {
	pages := 2 // the two that say where everything is
	_ = tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
		s := b.Stats()
		pages += s.BranchPageN + s.BranchOverflowN + s.LeafPageN + s.LeafOverflowN
		return nil
	})
	return int64(pages)
}

// each visits a bucket that may not be there.
func each(tx *bolt.Tx, name []byte, visit func(k, v []byte) error) error {
	b := tx.Bucket(name)
	if b == nil {
		return nil
	}
	if err := b.ForEach(visit); err != nil {
		return fmt.Errorf("bucket %s: %w", name, err)
	}
	return nil
}

func (d *Database) readKeys(tx *bolt.Tx) error {
	sum := NewSum()
	err := each(tx, schema.Key.Name(), func(k, v []byte) error {
		if len(k) != 17 && len(k) != 18 {
			return fmt.Errorf("revision of %d bytes", len(k))
		}
		kv, err := parseKeyValue(v)
		if err != nil {
			return fmt.Errorf("key at revision %x: %w", k, err)
		}
		d.Revision = int64(binary.BigEndian.Uint64(k)) //nolint:gosec // as etcd writes it
		if mvcc.IsTombstone(k) {
			sum.Remove(string(kv.key))
			return nil
		}
		if string(kv.key) == systemNamespace {
			d.Kubernetes = uidOf(kv.value)
		}
		sum.Add(string(kv.key), k, v, kv.lease != 0)
		return nil
	})
	if err != nil {
		return err
	}
	sum.into(d)
	return nil
}

func (d *Database) readMeta(tx *bolt.Tx) error {
	number := func(v []byte) uint64 {
		if len(v) < 8 {
			return 0
		}
		return binary.BigEndian.Uint64(v)
	}
	err := each(tx, schema.Meta.Name(), func(k, v []byte) error {
		switch string(k) {
		case string(schema.MetaConsistentIndexKeyName):
			d.ConsistentIndex = number(v)
		case string(schema.MetaTermKeyName):
			d.Term = number(v)
		case string(schema.FinishedCompactKeyName):
			d.CompactRevision = int64(number(v)) //nolint:gosec // as etcd writes it
		case string(schema.MetaStorageVersionName):
			d.StorageVersion = string(v)
		case string(schema.MetaConfStateName):
			var c struct {
				Voters   []uint64 `json:"voters"`
				Learners []uint64 `json:"learners"`
			}
			if err := json.Unmarshal(v, &c); err != nil {
				return fmt.Errorf("confState: %w", err)
			}
			d.Voters, d.Learners = c.Voters, c.Learners
		}
		return nil
	})
	d.Revision = max(d.Revision, d.CompactRevision, 1)
	return err
}

func (d *Database) readMembers(tx *bolt.Tx) error {
	err := each(tx, schema.Members.Name(), func(_, v []byte) error {
		var m struct {
			ID         uint64   `json:"id"`
			PeerURLs   []string `json:"peerURLs"`
			IsLearner  bool     `json:"isLearner"`
			Name       string   `json:"name"`
			ClientURLs []string `json:"clientURLs"`
		}
		if err := json.Unmarshal(v, &m); err != nil {
			return err
		}
		d.Members = append(d.Members, v2.Member{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Learner: m.IsLearner})
		return nil
	})
	return errors.Join(err, each(tx, schema.MembersRemoved.Name(), func(k, _ []byte) error {
		var id uint64
		if _, err := fmt.Sscanf(string(k), "%x", &id); err != nil {
			return fmt.Errorf("%q is no member's ID", k)
		}
		d.Removed = append(d.Removed, id)
		return nil
	}))
}

func (d *Database) readRest(tx *bolt.Tx) error {
	err := each(tx, schema.Lease.Name(), func(_, _ []byte) error { d.Leases++; return nil })
	if b := tx.Bucket(schema.Cluster.Name()); b != nil {
		d.ClusterVersion = string(b.Get(schema.ClusterClusterVersionKeyName))
	}
	if b := tx.Bucket(schema.Auth.Name()); b != nil {
		v := b.Get(schema.AuthEnabledKeyName)
		d.AuthEnabled = len(v) == 1 && v[0] == 1
	}
	return errors.Join(err, each(tx, schema.Alarm.Name(), func(k, _ []byte) error {
		var a etcdserverpb.AlarmMember
		if err := proto.Unmarshal(k, &a); err != nil {
			return err
		}
		d.Alarms = append(d.Alarms, fmt.Sprintf("%s of %x", a.GetAlarm(), a.GetMemberID()))
		return nil
	}))
}
