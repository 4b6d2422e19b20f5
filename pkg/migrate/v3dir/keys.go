package v3dir

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"google.golang.org/protobuf/proto"
)

// batch is the number of keys of one transaction. Each costs a write of all pages it touched.
const batch = 20_000

// CreateDB writes a new database at path with the keys, which have to be in the order of their revisions.
// Everything before revision is compacted away: there is no history, and who watches from an older revision has to be
// told so instead of missing what was deleted. It also makes revision the current one. written is told of each key, as it is in the
// database. Nothing waits for the disk.
func CreateDB(path string, keys []Key, leases []Lease, revision int64, written func(k Key, rev, value []byte)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	db, err := open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	var last mvcc.Revision
	for done := 0; done < len(keys); {
		n := min(batch, len(keys)-done)
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(schema.Key.Name())
			if err != nil {
				return err
			}
			b.FillPercent = 0.95 // revisions only grow: nothing will come between
			for _, k := range keys[done : done+n] {
				if last, err = put(b, k, last, written); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write keys: %w", err)
		}
		done += n
	}
	if last.Main > revision {
		return fmt.Errorf("write keys: revision %d lies behind the current one, %d", last.Main, revision)
	}
	err = db.Update(func(tx *bolt.Tx) error { return rest(tx, leases, revision) })
	if err != nil {
		return fmt.Errorf("write leases: %w", err)
	}
	return closed(db)
}

func put(b *bolt.Bucket, k Key, last mvcc.Revision, written func(k Key, rev, value []byte)) (mvcc.Revision, error) {
	rev := mvcc.Revision{Main: k.ModRev}
	if rev.Main == last.Main {
		rev.Sub = last.Sub + 1
	}
	if rev.Main < last.Main || k.CreateRev > k.ModRev || k.CreateRev < 1 {
		return last, fmt.Errorf("key %q: created at revision %d and changed at %d, after %d", k.Key, k.CreateRev, k.ModRev, last.Main)
	}
	version := int64(1)
	value, err := proto.Marshal(&mvccpb.KeyValue{Key: []byte(k.Key), Value: []byte(k.Value), CreateRevision: k.CreateRev, ModRevision: k.ModRev, Version: version, Lease: k.Lease})
	if err != nil {
		return last, fmt.Errorf("key %q: %w", k.Key, err)
	}
	bytes := mvcc.RevToBytes(rev, mvcc.NewRevBytes())
	written(k, bytes, value)
	return rev, b.Put(bytes, value)
}

func rest(tx *bolt.Tx, leases []Lease, revision int64) error {
	for _, b := range schema.AllBuckets {
		if _, err := tx.CreateBucketIfNotExists(b.Name()); err != nil {
			return err
		}
	}
	compacted := mvcc.RevToBytes(mvcc.Revision{Main: revision}, mvcc.NewRevBytes())
	meta := tx.Bucket(schema.Meta.Name())
	for _, name := range [][]byte{schema.ScheduledCompactKeyName, schema.FinishedCompactKeyName} {
		if err := meta.Put(name, compacted); err != nil {
			return err
		}
	}
	bucket := tx.Bucket(schema.Lease.Name())
	for _, l := range leases {
		value, err := proto.Marshal(&leasepb.Lease{ID: l.ID, TTL: int64((l.TTL + time.Second - 1) / time.Second)})
		if err != nil {
			return err
		}
		if err := bucket.Put(binary.BigEndian.AppendUint64(nil, uint64(l.ID)), value); err != nil { //nolint:gosec // as etcd writes it
			return err
		}
	}
	return nil
}

// open leaves the list of free pages in the file: boltdb before 2018, which 3.0 and 3.1 are built with, needs it there.
func open(path string) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true, NoFreelistSync: false, FreelistType: bolt.FreelistMapType, Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, nil
}

func closed(db *bolt.DB) error {
	if err := db.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
