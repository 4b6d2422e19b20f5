package migrate

import (
	"cmp"
	"fmt"
	"os"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
)

// Member says whose directory a snapshot becomes.
type Member struct {
	Name    string
	PeerURL string
	// Cluster is every member, as name=url,name=url; empty for a cluster of one.
	Cluster, Token string
}

// RestoreSnapshot makes a new member out of a snapshot, in place of the one that may be there, which is kept. bump moves the revision on
// and marks everything before as compacted, so that no client takes the past for the present:
// https://github.com/kubernetes/kubernetes/issues/118501. Options.To is the release that is to start on it; without it that is 3.5 or newer.
func RestoreSnapshot(o Options, file string, member Member, bump uint64, skipHash bool) (*RolledBack, error) {
	work, release, err := open(o)
	if err != nil {
		return nil, err
	}
	defer release()
	before, err := o.Dir.ReadVersionFile()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if err := needSpace(string(o.Dir), info.Size()+spare/2); err != nil {
		return nil, err
	}
	m := &migration{Options: o, work: work}
	var version string
	err = work.Prepare(func(to datadir.Dir) error {
		return m.during("restore", func() (err error) {
			version, err = restoreChecked(o.To, file, to, member, bump, skipHash)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", file, err)
	}
	kept, err := work.Commit(version, before)
	if err != nil {
		return nil, err
	}
	return &RolledBack{Kept: kept}, nil
}

// restoreChecked looks at what is in the snapshot, too, and returns what version.txt says afterwards. Whatever walks the pages of a
// database, which is most of etcd's restore, comes after its sum, or else after the one walk that survives a broken one.
func restoreChecked(release, file string, to datadir.Dir, member Member, bump uint64, skipHash bool) (string, error) {
	m, err := readManifest(file)
	if err != nil {
		return "", err
	}
	if err := m.within(release); err != nil {
		return "", err
	}
	var db *datadir.Database
	var looking errgroup.Group
	looking.Go(func() (err error) { // it survives a broken one
		db, err = datadir.ReadDB(file)
		return err
	})
	if skipHash {
		err = looking.Wait()
	} else {
		err = m.sum(file)
	}
	if err == nil {
		err = restore(file, to, member, bump)
	}
	if err := cmp.Or(err, looking.Wait()); err != nil {
		return "", err
	}
	if !skipHash {
		if err := m.matches(db, db.Keys); err != nil {
			return "", err
		}
	}
	switch {
	case before35(release):
		return release + "/etcd3", refound(to, release, db)
	case db.StorageVersion != "":
		return db.StorageVersion + "/etcd3", nil
	}
	return "3.5.0/etcd3", nil // etcdutl writes what is new in it into a database of any age
}

// before35 says whether a release does not read what etcdutl writes.
func before35(release string) bool {
	minor, err := hops.Minor(release)
	return release != "" && err == nil && hops.Compare(minor, "3.5") < 0
}

// within refuses a release that is older than the snapshot.
func (m *Manifest) within(release string) error {
	if release == "" {
		return nil
	}
	minor, err := hops.Minor(release)
	if err != nil {
		return err
	}
	if m.Version != "" && hops.Compare(minor, m.Version) < 0 {
		return refuse("the snapshot is of etcd %s, and %s is older", m.Version, release)
	}
	return nil
}

// CheckRestore finds what would keep RestoreSnapshot from its end, of a snapshot that was examined, before anything is stopped for it.
func CheckRestore(o Options, file string, m *Manifest) error {
	if err := m.within(o.To); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return needSpace(string(o.Dir), info.Size()+spare/2)
}

// refound writes what etcdutl has made in the format of a release before 3.5, with the same cluster and members.
func refound(dir datadir.Dir, release string, db *datadir.Database) error {
	minor, err := hops.Minor(release)
	if err != nil {
		return err
	}
	of := db.StorageVersion
	if of == "" && db.Term != 0 {
		of = "3.5" // the first to keep it there
	}
	if v, err := hops.Minor(db.ClusterVersion); of == "" && err == nil && hops.Compare(minor, v) < 0 {
		of = v
	}
	if of != "" {
		return refuse("the snapshot is of etcd %s, and %s is older", of, release)
	}
	info, err := datadir.Outline(dir)
	if err != nil {
		return err
	}
	return rebase(info, dir, minor)
}

// restore makes the directory. The sum is not looked at: that was done.
func restore(file string, to datadir.Dir, member Member, bump uint64) error {
	cluster := member.Cluster
	if cluster == "" {
		cluster = member.Name + "=" + member.PeerURL
	}
	token := member.Token
	if token == "" {
		token = "etcd-cluster"
	}
	return snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{SnapshotPath: file, Name: member.Name, OutputDataDir: string(to), PeerURLs: []string{member.PeerURL},
		InitialCluster: cluster, InitialClusterToken: token, SkipHashCheck: true, RevisionBump: bump, MarkCompacted: bump > 0})
}
