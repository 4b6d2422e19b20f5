// Package v3dir writes the directory of a v3 member around a database: log, snapshot and membership, as a member has them
// that has just taken over a snapshot from its leader.
package v3dir

import (
	"fmt"
	"slices"
	"time"
)

// Format is a minor release of etcd 3, whose servers start on what is written.
type Format int

// Newest is the newest format that is written. 3.6 and 3.7 start on it and then move it on themselves, while what
// they write no older one starts on.
const Newest Format = 5

func (f Format) clusterVersion() string { return fmt.Sprintf("3.%d.0", f) }

// Spec is everything about the member but its keys.
type Spec struct {
	Format            Format
	NodeID, ClusterID uint64
	// Index and Term are those of the last entry whose effect the database holds; Vote is for the hard state's Term.
	Index, Term    uint64
	HardTerm, Vote uint64
	Members        []Member
	Removed        []uint64
}

// Member is one member of the cluster.
type Member struct {
	ID         uint64
	Name       string
	PeerURLs   []string
	ClientURLs []string
	Learner    bool
}

// Key is one key and its newest value.
type Key struct {
	Key, Value        string
	CreateRev, ModRev int64
	Lease             int64
}

// Lease ends the keys attached to it.
type Lease struct {
	ID  int64
	TTL time.Duration
}

func (s *Spec) validate() error {
	switch {
	case s.Format < 0 || s.Format > Newest:
		return fmt.Errorf("write directory: no format for etcd 3.%d", s.Format)
	case s.Index == 0 || s.Term == 0:
		return fmt.Errorf("write directory: index %d of term %d is none", s.Index, s.Term)
	case !slices.ContainsFunc(s.Members, func(m Member) bool { return m.ID == s.NodeID }):
		return fmt.Errorf("write directory: %x is not among the members", s.NodeID)
	}
	return nil
}
