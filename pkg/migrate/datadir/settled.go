package datadir

import (
	"errors"
	"os"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/raftlog"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

// Settled is Outline of a member that had ended in good order, when its database has all that was ever written to it: then the log, which can be as
// large, is read only from there on. It is nil where it cannot tell; what is wrong, Outline says.
func Settled(d Dir) (*Info, error) {
	if err := d.checkLayout(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(d.DB()); errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // it cannot tell
	}
	db, err := readOutline(d.DB())
	if err != nil {
		return nil, err
	}
	if db.StorageVersion == "" && db.Term == 0 && db.ClusterVersion == "" {
		return nil, nil //nolint:nilnil // its version is in the v2 store
	}
	rest, err := raftlog.ReadRest(d.WAL(), db.ConsistentIndex, v2.Trim)
	if err != nil || rest == nil {
		return nil, nil //nolint:nilerr,nilnil // Outline may find that it does not matter
	}
	if slices.ContainsFunc(rest.Data, v2.IsV3) {
		return nil, nil //nolint:nilnil // whether it is committed, all of the log tells
	}
	i := &Info{Storage: "etcd3", NodeID: rest.NodeID, ClusterID: rest.ClusterID, Database: db}
	return i, i.detect()
}
