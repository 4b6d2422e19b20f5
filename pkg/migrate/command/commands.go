package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
)

func (a *app) needTarget() error {
	if a.opts.To == "" {
		return usageError{errors.New("want --to")}
	}
	minor, err := hops.Minor(a.opts.To)
	if err != nil {
		return usageError{err}
	}
	switch v2 := hops.Compare(minor, "3.0") < 0; {
	case v2 && a.storage != "etcd2":
		return fmt.Errorf("%w: --to %s keeps its data by the v2 API: it goes with --target-storage etcd2 only", migrate.ErrRefused, minor)
	case !v2 && a.storage == "etcd2":
		return fmt.Errorf("%w: --target-storage etcd2 (or $TARGET_STORAGE) does not go with --to %s, which keeps data by the v3 API: leave it out, and the data is migrated", migrate.ErrRefused, minor)
	}
	return nil
}

func (a *app) migrate(ctx context.Context) error {
	if err := errors.Join(a.needDir(), a.needTarget()); err != nil {
		return err
	}
	r, err := migrate.Migrate(ctx, a.opts)
	if err != nil {
		return err
	}
	a.moveBinaries(r.Version)
	return a.result(r)
}

func (a *app) result(r *migrate.Result) error {
	if err := a.terminate(summarize(r)); err != nil {
		return err
	}
	if a.output == "json" {
		return a.json(r)
	}
	switch {
	case r.Plan.From == "":
		_, err := fmt.Fprintln(a.Out, "nothing to do: the directory is empty")
		return err
	case len(r.Plan.Steps) == 0:
		_, err := fmt.Fprintf(a.Out, "nothing to do for etcd %s: the data is of %s\n", r.Version, r.Plan.From)
		return err
	}
	_, err := fmt.Fprintf(a.Out, "migrated from %s to %s in %s: %d keys, revision %d, %d leases\nthe member that was there before is kept as generation %d: etcd-migrate rollback --data-dir %s\n",
		r.Plan.From, r.Plan.To, r.Duration.Round(time.Millisecond), r.Keys, r.Revision, r.Leases, r.Generation, a.dataDir)
	return err
}

func (a *app) plan() error {
	if err := errors.Join(a.needDir(), a.needTarget()); err != nil {
		return err
	}
	p, err := migrate.Preview(a.opts)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.json(p)
	}
	fmt.Fprintf(a.Out, "from %s to %s, %s\n", p.From, p.To, p.Strategy)
	for _, s := range p.Steps {
		fmt.Fprintf(a.Out, "  %-8s %s\n", s.Kind, max(s.Etcd, s.Minor))
	}
	if len(p.Steps) == 0 {
		fmt.Fprintln(a.Out, "  nothing to do")
	}
	for _, n := range p.Notes {
		fmt.Fprintln(a.Out, "note:", n)
	}
	return nil
}

func (a *app) inspect() error {
	if err := a.needDir(); err != nil {
		return err
	}
	i, err := datadir.Inspect(a.opts.Dir)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.json(i)
	}
	a.show(i)
	return nil
}

func (a *app) rollback() error {
	if err := a.needDir(); err != nil {
		return err
	}
	r, err := migrate.Rollback(a.opts, a.generation)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.json(r)
	}
	_, err = fmt.Fprintf(a.Out, "generation %d is back; what was there is kept as generation %d\n", r.Restored, r.Kept)
	return err
}

func (a *app) show(i *datadir.Info) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(a.Out, "%-18s "+format+"\n", append([]any{name}, args...)...)
	}
	row("version", "%s (%s)", i.Version, i.Reason)
	row("storage", "%s, %d MB on disk, %d MB free beside it", i.Storage, i.Size>>20, i.DiskFree>>20)
	if i.VersionFile != "" {
		row("version.txt", "%s", i.VersionFile)
	}
	row("member", "%x of cluster %x", i.NodeID, i.ClusterID)
	row("log", "index %d, term %d, snapshot at %d, %d uncommitted entries, torn %t", i.Raft.Index, i.Raft.Term, i.Raft.SnapshotIndex, i.Raft.Uncommitted, i.Raft.Torn)
	for _, b := range i.Raft.BrokenSnapshots {
		row("broken snapshot", "%s", b)
	}
	a.members(i, row)
	v := i.V2
	row("v2 API", "index %d, %d keys, %d with a TTL, %d hidden, %d empty directories, %d users, %d roles, %d requests in the log that 3.6 refuses",
		v.Index, v.Keys, v.KeysWithTTL, v.HiddenKeys, v.EmptyDirs, v.Users, v.Roles, v.LogWrites)
	for _, p := range sortedKeys(v.Prefixes) {
		row("", "%d below %s", v.Prefixes[p], p)
	}
	d := i.Database
	if d == nil {
		row("v3 API", "no database")
		return
	}
	row("v3 API", "revision %d, compacted at %d, %d keys, %d leases, auth %t", d.Revision, d.CompactRevision, d.Keys, d.Leases, d.AuthEnabled)
	row("database", "%d bytes, %d of them free, at index %d, cluster version %q, storage version %q", d.Size, d.Free, d.ConsistentIndex, d.ClusterVersion, d.StorageVersion)
	for _, alarm := range d.Alarms {
		row("alarm", "%s", alarm)
	}
}

// members shows side by side who each of the three places takes for one.
func (a *app) members(i *datadir.Info, row func(name, format string, args ...any)) {
	type seen struct {
		name        string
		v2, db, log string
	}
	all := map[uint64]*seen{}
	at := func(id uint64) *seen {
		if all[id] == nil {
			all[id] = &seen{v2: "-", db: "-", log: "-"}
		}
		return all[id]
	}
	role := func(learner bool) string {
		if learner {
			return "learner"
		}
		return "voter"
	}
	for _, m := range i.V2.Members {
		s := at(m.ID)
		s.name, s.v2 = m.Name, role(m.Learner)
	}
	for _, id := range i.V2.Removed {
		at(id).v2 = "removed"
	}
	if d := i.Database; d != nil {
		for _, m := range d.Members {
			s := at(m.ID)
			s.name, s.db = max(s.name, m.Name), role(m.Learner)
		}
		for _, id := range d.Removed {
			at(id).db = "removed"
		}
	}
	for _, id := range i.Raft.Voters {
		at(id).log = "voter"
	}
	for _, id := range i.Raft.Learners {
		at(id).log = "learner"
	}
	for _, id := range sortedKeys(all) {
		s := all[id]
		row("", "%x %-12s v2 store %-8s database %-8s raft %s", id, s.name, s.v2, s.db, s.log)
	}
}

func sortedKeys[K interface{ ~string | ~uint64 }, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
