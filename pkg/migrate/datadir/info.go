package datadir

import (
	"fmt"
	"os"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/raftlog"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

// Info is everything that is known about a directory.
type Info struct {
	// Version is the minor release that the directory belongs to, and Reason the bytes that say so.
	Version string `json:"version"`
	Reason  string `json:"reason"`
	// Storage is etcd2 where the keys of the v2 API are all there is, and etcd3 otherwise, as version.txt calls them.
	Storage string `json:"storage"`
	// Size is what the member takes on disk, and DiskFree what is left beside it (bytes).
	Size     int64 `json:"size"`
	DiskFree int64 `json:"diskFree"`
	// VersionFile is what version.txt claims.
	VersionFile string    `json:"versionFile,omitempty"`
	NodeID      uint64    `json:"nodeID"`
	ClusterID   uint64    `json:"clusterID"`
	Raft        Raft      `json:"raft"`
	V2          V2        `json:"v2"`
	Database    *Database `json:"database,omitempty"`

	Log      *raftlog.Log `json:"-"`
	State    *v2.State    `json:"-"`
	Contents *v2.Contents `json:"-"`
}

// Raft is what snapshot and log say.
type Raft struct {
	Term            uint64   `json:"term"`
	Index           uint64   `json:"index"`
	SnapshotIndex   uint64   `json:"snapshotIndex"`
	Uncommitted     int      `json:"uncommitted"`
	Torn            bool     `json:"torn"`
	BrokenSnapshots []string `json:"brokenSnapshots,omitempty"`
	// Voters and Learners are whom a member that starts on it takes for those; up to 3.6 the list of members may say otherwise.
	Voters   []uint64 `json:"voters,omitempty"`
	Learners []uint64 `json:"learners,omitempty"`
}

// V2 is what the v2 API has left in snapshot and log.
type V2 struct {
	Index          uint64         `json:"index"`
	ClusterVersion string         `json:"clusterVersion,omitempty"`
	Members        []v2.Member    `json:"members"`
	Removed        []uint64       `json:"removed,omitempty"`
	Keys           int            `json:"keys"`
	KeysWithTTL    int            `json:"keysWithTTL"`
	HiddenKeys     int            `json:"hiddenKeys"`
	EmptyDirs      int            `json:"emptyDirs"`
	Prefixes       map[string]int `json:"prefixes,omitempty"`
	Users          int            `json:"users"`
	Roles          int            `json:"roles"`
	AuthEnabled    bool           `json:"authEnabled"`
	// LogWrites are requests in the log after the snapshot over which 3.6 panics.
	LogWrites int `json:"logWrites"`
}

// Prefix is Kubernetes' own part of the keys.
const Prefix = "/registry"

// Inspect reads everything. It changes nothing.
func Inspect(d Dir) (*Info, error) { return inspect(d, ReadDB) }

// Outline reads everything but the keys of the v3 API, which take the longest where there are many.
func Outline(d Dir) (*Info, error) { return inspect(d, readOutline) }

func inspect(d Dir, readDB func(path string) (*Database, error)) (*Info, error) {
	if err := d.checkLayout(); err != nil {
		return nil, err
	}
	i := &Info{}
	var err error
	if i.Size, err = d.Size(); err != nil {
		return nil, err
	}
	if i.DiskFree, err = tree.Free(string(d)); err != nil {
		return nil, err
	}
	if i.VersionFile, err = d.ReadVersionFile(); err != nil {
		return nil, err
	}
	var early v2.Early
	if i.Log, err = raftlog.Read(d.WAL(), d.Snap(), raftlog.Consumer{Snapshot: early.Recover, Trim: v2.Trim}); err != nil {
		return nil, fmt.Errorf("read %s: %w", d, err)
	}
	if i.State, err = v2.Replay(i.Log, early); err != nil {
		return nil, fmt.Errorf("read %s: %w", d, err)
	}
	if i.Contents, err = i.State.Contents(); err != nil {
		return nil, fmt.Errorf("read %s: %w", d, err)
	}
	i.NodeID, i.ClusterID = i.Log.NodeID, i.Log.ClusterID
	i.raft()
	i.v2()
	switch _, err := os.Stat(d.DB()); {
	case err == nil:
		if i.Database, err = readDB(d.DB()); err != nil {
			return nil, err
		}
		// A crash tears off what nobody had used yet. A broken length in the middle looks the same to the reader.
		if has := i.Log.Index() + uint64(i.Log.Uncommitted); i.Log.Torn && i.Database.ConsistentIndex > has { //nolint:gosec // a count
			return nil, fmt.Errorf("%w: it can be read up to entry %d, and the database has %d already", raftlog.ErrCorrupt, has, i.Database.ConsistentIndex)
		}
	case !os.IsNotExist(err):
		return nil, fmt.Errorf("read database: %w", err)
	}
	if i.Storage = "etcd3"; i.Database == nil || i.Database.Keys == 0 && i.V2.Keys > 0 {
		i.Storage = "etcd2"
	}
	return i, i.detect()
}

// Forget drops log and keys, which are most of the memory, and leaves what was counted of them.
func (i *Info) Forget() { i.Log, i.State, i.Contents = nil, nil, nil }

// Members are those that the directory's own release goes by: up to 3.5 it takes them from the v2 store, and from 3.6 on
// from the database.
func (i *Info) Members() []v2.Member {
	if i.fromDatabase() {
		return i.Database.Members
	}
	return i.V2.Members
}

// Removed are the members that may never come back, from where Members are.
func (i *Info) Removed() []uint64 {
	if i.fromDatabase() {
		return i.Database.Removed
	}
	return i.V2.Removed
}

func (i *Info) fromDatabase() bool { return i.Database != nil && i.Database.StorageVersion != "" }

func (i *Info) raft() {
	l := i.Log
	i.Raft = Raft{Term: max(l.Term, l.IndexTerm()), Index: l.Index(), SnapshotIndex: l.Snapshot.GetMetadata().GetIndex(), Uncommitted: l.Uncommitted,
		Torn: l.Torn, BrokenSnapshots: l.Broken, Voters: i.State.Raft.Voters, Learners: i.State.Raft.Learners}
}

func (i *Info) v2() {
	c, s := i.Contents, i.State
	i.V2 = V2{Index: s.Index(), ClusterVersion: s.ClusterVersion(), Members: s.MemberList(), Removed: s.RemovedList(), Keys: len(c.Keys), HiddenKeys: c.Hidden,
		EmptyDirs: c.EmptyDirs, Prefixes: c.Prefixes(Prefix), Users: c.Users, Roles: c.Roles, AuthEnabled: c.AuthEnabled, LogWrites: s.Writes}
	for _, k := range c.Keys {
		if !k.Expires.IsZero() {
			i.V2.KeysWithTTL++
		}
	}
}

// detect finds the version: 3.6 and newer write it down, 3.5 is the first to keep the term in its database, 3.0 to 3.4
// are told apart by the version that the cluster had agreed on, and 2.x has no database.
// See https://github.com/etcd-io/etcd/blob/v3.6.14/server/storage/schema/schema.go.
func (i *Info) detect() error {
	db := i.Database
	switch {
	case db == nil && strings.HasPrefix(i.V2.ClusterVersion, "3."):
		return fmt.Errorf("detect version: the cluster is at %s, but there is no database: it was removed, or never copied", i.V2.ClusterVersion)
	case db == nil:
		i.Version, i.Reason = "2.3", "there is no database"
	case db.StorageVersion != "":
		i.Version, i.Reason = minor(db.StorageVersion), "storage version in the database"
	case db.Term != 0:
		i.Version, i.Reason = "3.5", "term in the database, and no storage version"
	case db.ClusterVersion != "":
		i.Version, i.Reason = minor(db.ClusterVersion), "cluster version in the database"
	case i.V2.ClusterVersion != "":
		i.Version, i.Reason = minor(i.V2.ClusterVersion), "cluster version in the v2 store"
	default:
		i.Version, i.Reason = "3.0", "there is a database, and no cluster version yet"
	}
	return nil
}

func minor(v string) string {
	parts := strings.SplitN(v, ".", 3)
	if len(parts) < 2 {
		return v
	}
	return parts[0] + "." + parts[1]
}
