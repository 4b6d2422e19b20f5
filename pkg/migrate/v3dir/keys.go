package v3dir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// batch is the number of keys of one transaction. Each costs a write of all pages it touched.
const batch = 10_000

// CreateDB writes a new database at path with the keys, which have to be in the order of their revisions.
// Everything before revision is compacted away: there is no history, and who watches from an older revision has to be
// told so instead of missing what was deleted. It also makes revision the current one. written is told of each key in turn, as the database
// will have it. Nothing waits for the disk.
func CreateDB(path string, keys []Key, leases []Lease, revision int64, written func(k Key, rev, value []byte)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	db, err := open(path, keys)
	if err != nil {
		return err
	}
	defer db.Close()
	last, err := write(db, keys, written)
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if last > revision {
		return fmt.Errorf("write keys: revision %d lies behind the current one, %d", last, revision)
	}
	err = db.Update(func(tx *bolt.Tx) error { return rest(tx, leases, revision) })
	if err != nil {
		return fmt.Errorf("write leases: %w", err)
	}
	return closed(db)
}

// record is a key as the database has it.
type record struct{ rev, value []byte }

// write writes each batch while the next one is encoded, and gives the revision of the last key.
func write(db *bolt.DB, keys []Key, written func(k Key, rev, value []byte)) (last int64, err error) {
	batches := make(chan []record)
	var group errgroup.Group
	group.Go(func() error {
		defer close(batches)
		var at mvcc.Revision
		for some := range slices.Chunk(keys, batch) {
			records := make([]record, len(some))
			for i, k := range some {
				r, err := encode(k, &at)
				if err != nil {
					return err
				}
				written(k, r.rev, r.value)
				records[i] = r
			}
			batches <- records
		}
		last = at.Main
		return nil
	})
	for records := range batches {
		if err != nil {
			continue // so that the other one comes to its end
		}
		err = db.Update(func(tx *bolt.Tx) error { return put(tx, records) })
	}
	return last, errors.Join(group.Wait(), err)
}

func put(tx *bolt.Tx, records []record) error {
	b, err := tx.CreateBucketIfNotExists(schema.Key.Name())
	if err != nil {
		return err
	}
	b.FillPercent = 0.95 // revisions only grow: nothing will come between
	for _, r := range records {
		if err := b.Put(r.rev, r.value); err != nil {
			return err
		}
	}
	return nil
}

// encode gives a key its place behind the last one.
func encode(k Key, last *mvcc.Revision) (record, error) {
	rev := mvcc.Revision{Main: k.ModRev}
	if rev.Main == last.Main {
		rev.Sub = last.Sub + 1
	}
	if rev.Main < last.Main || k.CreateRev > k.ModRev || k.CreateRev < 1 {
		return record{}, fmt.Errorf("key %q: created at revision %d and changed at %d, after %d", k.Key, k.CreateRev, k.ModRev, last.Main)
	}
	value, err := proto.Marshal(&mvccpb.KeyValue{Key: []byte(k.Key), Value: []byte(k.Value), CreateRevision: k.CreateRev, ModRevision: k.ModRev, Version: 1, Lease: k.Lease})
	if err != nil {
		return record{}, fmt.Errorf("key %q: %w", k.Key, err)
	}
	*last = rev
	return record{mvcc.RevToBytes(rev, mvcc.NewRevBytes()), value}, nil
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

// overhead is what a key takes beside its name and value, and headroom what the rest of a database takes (bytes). Both are generous: memory is
// only reserved.
const (
	overhead = 128
	headroom = 64 << 20
)

// open leaves the list of free pages in the file: boltdb before 2018, which 3.0 and 3.1 are built with, needs it there. It makes room for the keys
// at once, since each time that the database outgrew its place everything not yet written would be copied.
func open(path string, keys []Key) (*bolt.DB, error) {
	size := headroom
	for _, k := range keys {
		size += len(k.Key) + len(k.Value) + overhead
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{InitialMmapSize: size, NoSync: true, NoGrowSync: true, NoFreelistSync: false, FreelistType: bolt.FreelistMapType, Timeout: time.Second})
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
