package migrate

import (
	"fmt"
	"math"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v3dir"
)

// minTTL is what a key gets whose time is over. The old server would have removed it at the next tick; etcd does the same
// when its lease is up, and tells those who watch.
const minTTL = time.Second

// convert writes the v2 keys of a directory into a new member directory, and says what the database has to hold from then on.
func convert(i *datadir.Info, dir datadir.Dir, minor string, now time.Time, progress func(done int)) (*datadir.Database, error) {
	spec, err := specOf(i, minor)
	if err != nil {
		return nil, err
	}
	revision := i.V2.Index
	if revision > math.MaxInt64 || revision == 0 {
		return nil, fmt.Errorf("index %d of the v2 store cannot become a revision", revision)
	}
	if i.State.Synced.After(now) {
		// The leader's clock was a little ahead of this one.
		now = i.State.Synced
	}
	keys, leases := mapKeys(i.Contents.Keys, now)
	sum, done := datadir.NewSum(), 0
	written := func(k v3dir.Key, rev, value []byte) {
		sum.Add(k.Key, rev, value, k.Lease != 0)
		done++
		progress(done)
	}
	if err := v3dir.CreateDB(dir.DB(), keys, leases, int64(revision), written); err != nil {
		return nil, err
	}
	if err := v3dir.Write(dir.Member(), spec); err != nil {
		return nil, err
	}
	return sum.Database(int64(revision), len(leases)), nil
}

// mapKeys keeps name, value and both revisions of each key. Keys that end within the same second share a lease; its ID
// is that second, so that every member of a cluster comes to the same.
func mapKeys(in []v2.Key, now time.Time) ([]v3dir.Key, []v3dir.Lease) {
	keys := make([]v3dir.Key, 0, len(in))
	var leases []v3dir.Lease
	known := map[int64]bool{}
	for _, k := range in {
		out := v3dir.Key{Key: k.Path, Value: k.Value, CreateRev: int64(k.Created), ModRev: int64(k.Modified)} //nolint:gosec // below the index, which was checked
		if !k.Expires.IsZero() {
			end := k.Expires.Add(time.Second - time.Nanosecond).Truncate(time.Second)
			out.Lease = end.Unix()
			if !known[out.Lease] {
				known[out.Lease] = true
				leases = append(leases, v3dir.Lease{ID: out.Lease, TTL: max(end.Sub(now), minTTL)})
			}
		}
		keys = append(keys, out)
	}
	return keys, leases
}

// specOf is the member as it is, for a directory of the minor's format.
func specOf(i *datadir.Info, minor string) (v3dir.Spec, error) {
	var format v3dir.Format
	if n, err := fmt.Sscanf(minor, "3.%d", &format); err != nil || n != 1 {
		return v3dir.Spec{}, fmt.Errorf("no format for etcd %s", minor)
	}
	s := v3dir.Spec{Format: format, NodeID: i.NodeID, ClusterID: i.ClusterID, Index: i.Log.Index(), Term: i.Log.IndexTerm(), HardTerm: i.Log.Term, Vote: i.Log.Vote, Removed: i.Removed()}
	for _, m := range i.Members() {
		s.Members = append(s.Members, v3dir.Member(m))
	}
	return s, nil
}
