package migrate

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
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
// https://github.com/kubernetes/kubernetes/issues/118501.
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
			version, err = restoreChecked(file, to, member, bump, skipHash)
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
func restoreChecked(file string, to datadir.Dir, member Member, bump uint64, skipHash bool) (string, error) {
	m, err := readManifest(file)
	if err != nil {
		return "", err
	}
	var db *datadir.Database
	look := func() (err error) {
		db, err = datadir.ReadDB(file)
		return err
	}
	if skipHash {
		if err := look(); err != nil {
			return "", err
		}
		if err := restore(file, to, member, bump); err != nil {
			return "", err
		}
	} else {
		if err := m.sum(file); err != nil {
			return "", err
		}
		var both errgroup.Group
		both.Go(look)
		both.Go(func() error { return restore(file, to, member, bump) })
		if err := both.Wait(); err != nil {
			return "", err
		}
		if err := m.matches(db, db.Keys); err != nil {
			return "", err
		}
	}
	if db.StorageVersion != "" {
		return db.StorageVersion + "/etcd3", nil
	}
	return "3.5.0/etcd3", nil // etcdutl writes what is new in it into a database of any age
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
