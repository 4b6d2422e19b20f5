package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

// Manifest lies beside a snapshot, as FILE.json, and says what has to be in it.
type Manifest struct {
	// SHA256 is that of the database, and the file's last bytes.
	SHA256    string                  `json:"sha256"`
	Size      int64                   `json:"size"`
	Version   string                  `json:"version"` // of the data, such as 3.5
	ClusterID uint64                  `json:"clusterID"`
	Revision  int64                   `json:"revision"`
	Keys      int                     `json:"keys"`
	Leases    int                     `json:"leases"`
	Hash      string                  `json:"hash"`
	Prefixes  map[string]datadir.Part `json:"prefixes,omitempty"`
	Created   time.Time               `json:"created"`
	// Kubernetes is the UID of the namespace kube-system, by which a cluster is known; empty where none is to be read.
	Kubernetes string `json:"kubernetes,omitempty"`
	// Members are those of the cluster that it was taken of.
	Members []SnapshotMember `json:"members,omitempty"`
}

// SnapshotMember is a member that a snapshot knows.
type SnapshotMember struct {
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
}

// Save writes a snapshot of the member, which does not run, as etcdctl would have got it from the server.
func Save(ctx context.Context, o Options, file string) (*Manifest, error) {
	work, release, err := open(o)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := os.Stat(file); err == nil {
		return nil, refuse("%s is there already", file)
	}
	// The log is looked at while the database is copied: mostly it has nothing that the database has not.
	part := file + ".part"
	defer os.Remove(part)
	var c *copied
	var copying errgroup.Group
	copying.Go(func() (err error) {
		if _, err := os.Stat(o.Dir.DB()); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		c, err = copyDB(o.Dir, part)
		return err
	})
	info, err := datadir.Settled(o.Dir)
	settled := info != nil
	if err == nil && !settled {
		info, err = datadir.Outline(o.Dir)
	}
	if err := cmp.Or(err, copying.Wait()); err != nil {
		return nil, err
	}
	if info.Database == nil {
		return nil, refuse("etcd %s keeps no database that a snapshot could be made of: migrate it, or copy the directory", info.Version)
	}
	if !settled && behind(info) {
		m := &migration{Options: o, work: work}
		if err := m.catchUp(ctx, info); err != nil {
			return nil, err
		}
		defer work.Discard() //nolint:errcheck // the next one throws it away
		if c, err = copyDB(work.Dir(), part); err != nil {
			return nil, err
		}
	}
	return c.finish(info, part, file)
}

// behind says whether something is in the log and not in the database: the member was killed. Requests of the v2 API never come there.
func behind(i *datadir.Info) bool {
	for _, e := range i.Log.Entries {
		if e.GetIndex() > i.Database.ConsistentIndex && v2.IsV3(e.GetData()) {
			return true
		}
	}
	return false
}

// catchUp lets the member's own release apply the log, on a copy.
func (m *migration) catchUp(ctx context.Context, info *datadir.Info) error {
	bins, err := hops.Find(m.BinDir)
	if err != nil {
		return err
	}
	s := Step{Kind: Run, Minor: info.Version}
	if s.Binary, s.Etcd, err = bins.Get(info.Version); err != nil {
		return fmt.Errorf("apply what is only in the log: %w", err)
	}
	if err := m.checkSpace(); err != nil {
		return err
	}
	return m.work.Prepare(func(to datadir.Dir) error {
		if err := tree.Copy(m.Dir.Member(), to.Member()); err != nil {
			return err
		}
		return m.serve(ctx, s, to, info, false)
	})
}

// copied is a copy of a database with its sum behind it.
type copied struct {
	sum  []byte
	size int64
	db   *datadir.Database
}

// copyDB reads the database twice at once: as it is, and for what is in it.
func copyDB(from datadir.Dir, to string) (*copied, error) {
	c := &copied{}
	var reading errgroup.Group
	reading.Go(func() (err error) {
		c.db, err = datadir.ReadDB(from.DB())
		return err
	})
	var err error
	c.sum, c.size, err = writeSummed(to, from.DB())
	return c, cmp.Or(reading.Wait(), err)
}

// finish writes the manifest, and renames the copy, which is whole.
func (c *copied) finish(info *datadir.Info, part, file string) (*Manifest, error) {
	m := &Manifest{SHA256: hex.EncodeToString(c.sum), Size: c.size, Version: info.Version, ClusterID: info.ClusterID, Created: time.Now().UTC().Truncate(time.Second)}
	m.take(c.db)
	if err := m.know(part); err != nil {
		return nil, fmt.Errorf("save snapshot: %w", err)
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("save snapshot: %w", err)
	}
	if err := os.WriteFile(manifestOf(file), data, 0o600); err != nil {
		return nil, fmt.Errorf("save snapshot: %w", err)
	}
	if err := errors.Join(tree.SyncFile(manifestOf(file)), os.Rename(part, file), tree.SyncFile(filepath.Dir(file))); err != nil {
		return nil, fmt.Errorf("save snapshot: %w", err)
	}
	return m, nil
}

// writeSummed copies a file with its sum behind it, onto the disk.
func writeSummed(to, from string) (sum []byte, size int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return nil, 0, fmt.Errorf("save snapshot: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("save snapshot: %w", err)
	}
	sum, size, err = tree.CopySum(out, in)
	if err == nil {
		_, err = out.Write(sum)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return nil, 0, fmt.Errorf("save snapshot: %w", err)
	}
	return sum, size + sha256.Size, nil
}

func manifestOf(file string) string { return file + ".json" }

func (m *Manifest) take(db *datadir.Database) {
	m.Revision, m.Keys, m.Leases, m.Hash, m.Prefixes, m.Kubernetes = db.Revision, db.Keys, db.Leases, db.Hash, db.Prefixes, db.Kubernetes
}

// know takes from the snapshot itself who the members are: what it is restored to knows only its own.
func (m *Manifest) know(file string) error {
	members, err := datadir.ReadMembers(file)
	if err != nil {
		return err
	}
	m.Members = nil
	for _, o := range members {
		m.Members = append(m.Members, SnapshotMember{Name: o.Name, PeerURLs: o.PeerURLs})
	}
	return nil
}

// readManifest gives an empty one where there is none.
func readManifest(file string) (*Manifest, error) {
	m := &Manifest{}
	data, err := os.ReadFile(manifestOf(file))
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, m)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return m, nil
}

// Verify checks a snapshot: its sum, every page of it, its manifest if there is one, and that a server serves it.
func Verify(ctx context.Context, o Options, file string) (*Manifest, error) {
	m, err := readManifest(file)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	if err := m.sum(file); err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	status, err := snapshot.NewV3(zap.NewNop()).Status(file)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), ".verify-")
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	defer os.RemoveAll(dir)
	target := datadir.Dir(filepath.Join(dir, "data"))
	member := Member{Name: "verify", PeerURL: "http://127.0.0.1:2380"}
	if err := restore(file, target, member, 0); err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	info, err := datadir.Inspect(target)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	if err := m.matches(info.Database, status.TotalKey); err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	if err := serveOnce(ctx, o, target, info, m); err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	if err := m.know(file); err != nil {
		return nil, fmt.Errorf("verify %s: %w", file, err)
	}
	m.Version = cmp.Or(m.Version, info.Version)
	return m, nil
}

// Examine is Verify without a server: its sum, every page of it, and its manifest if there is one.
func Examine(file string) (*Manifest, error) {
	m, err := readManifest(file)
	if err == nil {
		err = m.sum(file)
	}
	var db *datadir.Database
	if err == nil {
		db, err = datadir.ReadDB(file)
	}
	if err == nil {
		err = errors.Join(m.matches(db, db.Keys), m.know(file))
	}
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", file, err)
	}
	return m, nil
}

// sum compares the sum that the file ends in with what comes before it, and with the manifest's. It has to come first:
// whoever walks the pages of a broken database may not come back.
func (m *Manifest) sum(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size()%512 != sha256.Size {
		return errors.New("it does not end in a sum: it was cut off, or is a copied database")
	}
	sum, n, err := tree.Sum(io.LimitReader(f, info.Size()-sha256.Size))
	if err != nil {
		return err
	}
	last := make([]byte, sha256.Size)
	if _, err := f.ReadAt(last, n); err != nil {
		return err
	}
	have, want := hex.EncodeToString(sum), hex.EncodeToString(last)
	if have != want {
		return fmt.Errorf("its sum is %s, and it says %s", have, want)
	}
	if m.SHA256 != "" && have != m.SHA256 {
		return fmt.Errorf("its sum is %s, and its manifest says %s", have, m.SHA256)
	}
	return nil
}

// matches compares with the manifest, or makes one where there is none.
func (m *Manifest) matches(db *datadir.Database, keys int) error {
	if m.SHA256 != "" && (m.Hash != db.Hash || m.Keys != db.Keys || m.Revision != db.Revision) {
		return fmt.Errorf("it holds %d keys at revision %d with hash %s, and its manifest says %d, %d and %s", db.Keys, db.Revision, db.Hash, m.Keys, m.Revision, m.Hash)
	}
	if keys != db.Keys {
		return fmt.Errorf("etcd counts %d keys in it, and we %d", keys, db.Keys)
	}
	m.take(db)
	return nil
}

// serveOnce starts the release that the data is of, and looks at what is left after it.
func serveOnce(ctx context.Context, o Options, dir datadir.Dir, info *datadir.Info, m *Manifest) error {
	bins, err := hops.Find(o.BinDir)
	if err != nil {
		return err
	}
	minor := m.Version
	if minor == "" || hops.Compare(minor, info.Version) < 0 {
		minor = info.Version
	}
	s := Step{Kind: Run, Minor: minor}
	if s.Binary, s.Etcd, err = bins.Get(minor); err != nil {
		return err
	}
	run := &migration{Options: o}
	if err := run.serve(ctx, s, dir, info, false); err != nil {
		return err
	}
	after, err := datadir.ReadDB(dir.DB())
	if err != nil {
		return err
	}
	if after.Hash != m.Hash {
		return errors.New("after it was served, something else is in it")
	}
	return nil
}
