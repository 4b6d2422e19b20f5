package datadir

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Sum is over the newest state of every key: its revision, and the value as the database has it. Values go into it by 64 bits each, twice
// as many as etcd's own HashKV has for all of a database: it is to find what was lost or mixed up, and nobody who forges values. For
// those there is the sha256 of a whole snapshot.
type Sum struct{ live map[string]entry }

type entry struct {
	rev   [revision]byte
	lease bool
	sum   uint64
}

// revision is the length of a key in the database that is no tombstone (bytes).
const revision = 17

// NewSum is the sum of no keys.
func NewSum() *Sum { return &Sum{live: map[string]entry{}} }

// Add adds a key, or its newer state, with revision and value as they are in the database.
func (s *Sum) Add(key string, rev, value []byte, leased bool) {
	s.live[key] = entry{rev: [revision]byte(rev), lease: leased, sum: xxhash.Sum64(value)}
}

// Remove takes a key out again.
func (s *Sum) Remove(key string) { delete(s.live, key) }

// Database is what a database has to say of its keys that holds these, and nothing else of them.
func (s *Sum) Database(revision int64, leases int) *Database {
	d := &Database{Revision: revision, Leases: leases}
	s.into(d)
	return d
}

// into counts and hashes. What has a lease is counted only: it may end while it is looked at.
func (s *Sum) into(d *Database) {
	d.live = s.live
	keys := make([]string, 0, len(s.live))
	for k, e := range s.live {
		if e.lease {
			d.LeasedKeys++
			continue
		}
		keys = append(keys, k)
	}
	slices.Sort(keys)
	whole := sha256.New()
	parts := map[string]hash.Hash{}
	d.Prefixes = map[string]Part{}
	line := make([]byte, 0, revision+8)
	for _, k := range keys {
		p := prefix(k)
		if parts[p] == nil {
			parts[p] = sha256.New()
		}
		e := s.live[k]
		line = binary.BigEndian.AppendUint64(append(line[:0], e.rev[:]...), e.sum)
		whole.Write(line)
		parts[p].Write(line)
		d.Prefixes[p] = Part{Keys: d.Prefixes[p].Keys + 1}
	}
	for p, h := range parts {
		d.Prefixes[p] = Part{Keys: d.Prefixes[p].Keys, Hash: hex.EncodeToString(h.Sum(nil))}
	}
	d.Keys, d.Hash = len(s.live), hex.EncodeToString(whole.Sum(nil))
}

// prefix is the first two levels of a key's name, without its last.
func prefix(key string) string {
	levels := strings.SplitN(key, "/", 4)
	return strings.Join(levels[:min(3, max(1, len(levels)-1))], "/")
}
