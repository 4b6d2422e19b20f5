package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/server"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/swap"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v3dir"
)

// Options say what to migrate, and how.
type Options struct {
	Dir      datadir.Dir
	To       string // a minor, or a full version
	BinDir   string
	Strategy Strategy
	// DropV2 allows to leave behind what has no place in the v3 API, and Downgrade to go to an older release.
	DropV2, Downgrade bool
	// Keep is the number of old members to keep; the newest stays in any case.
	Keep int
	// Timeout is the limit for one server to come up, and for it to end.
	Timeout time.Duration
	// ServerArgs are given to every server that is run.
	ServerArgs []string
	ServerLog  io.Writer
	Log        *zap.Logger
}

// Result is what was done.
type Result struct {
	Plan       *Plan         `json:"plan"`
	Version    string        `json:"version"`
	Generation int           `json:"generation,omitempty"`
	Keys       int           `json:"keys"`
	Revision   int64         `json:"revision"`
	Leases     int           `json:"leases"`
	Hash       string        `json:"hash,omitempty"`
	Duration   time.Duration `json:"duration"`
	// Read is how long it took to read what was there.
	Read  time.Duration `json:"read"`
	Steps []Timing      `json:"steps,omitempty"`
}

// Timing is how long a step took.
type Timing struct {
	Step
	Duration time.Duration `json:"duration"`
}

// Migrate does it. Whatever happens, the directory is afterwards either as it was or at the target.
func Migrate(ctx context.Context, o Options) (*Result, error) {
	began := time.Now()
	to, err := hops.Minor(o.To)
	if err != nil {
		return nil, err
	}
	bins, err := hops.Find(o.BinDir)
	if err != nil {
		return nil, err
	}
	// The names and the size of a member can only be trusted once nobody else changes them.
	work, release, err := open(o)
	if err != nil {
		return nil, err
	}
	defer release()
	if empty, err := o.Dir.Empty(); err != nil {
		return nil, err
	} else if empty {
		o.Log.Info("nothing to migrate: the directory is empty")
		return &Result{Plan: &Plan{To: to}, Version: o.To}, o.Dir.WriteVersionFile(versionText(bins, o.To, to))
	}
	reading := time.Now()
	info, err := datadir.Inspect(o.Dir)
	if err != nil {
		return nil, err
	}
	read := time.Since(reading)
	p, err := plan(info, to, o, bins)
	if err != nil {
		return nil, err
	}
	for _, n := range p.Notes {
		o.Log.Warn(n)
	}
	m := &migration{Options: o, work: work, plan: p, result: &Result{Plan: p, Version: to, Read: read}}
	if len(p.Steps) > 0 {
		if err := m.run(ctx, info, versionText(bins, o.To, to)); err != nil {
			return nil, err
		}
	} else {
		m.count(info.Database)
		if err := o.Dir.WriteVersionFile(versionText(bins, o.To, to)); err != nil {
			return nil, err
		}
	}
	m.result.Duration = time.Since(began)
	return m.result, nil
}

// plan is MakePlan for now.
func plan(i *datadir.Info, to string, o Options, bins *hops.Binaries) (*Plan, error) {
	p, err := MakePlan(i, to, o, bins)
	if err != nil {
		return nil, err
	}
	return p, judgeClock(i, p, time.Now())
}

// open locks the directory and ends what an earlier process was killed in.
func open(o Options) (swap.Work, func(), error) {
	work := swap.At(o.Dir)
	if _, err := os.Stat(string(o.Dir)); err != nil {
		return work, nil, fmt.Errorf("open data directory: %w", err)
	}
	// A swap that was interrupted may have left no member to look at.
	if done, err := recoverUnderLock(o.Dir, work); err != nil {
		return work, nil, err
	} else if done != "" {
		o.Log.Info(done)
	}
	if _, err := o.Dir.Empty(); err != nil {
		return work, nil, err
	}
	release, err := o.Dir.Lock()
	return work, release, err
}

func recoverUnderLock(dir datadir.Dir, work swap.Work) (string, error) {
	if _, err := os.Stat(filepath.Join(string(dir), datadir.StateDir)); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	release, err := dir.Lock()
	if err != nil {
		return "", err
	}
	defer release()
	return work.Recover()
}

// versionText is what version.txt says, in the words of the old image: the version that runs now, or the one asked for.
func versionText(bins *hops.Binaries, asked, minor string) string {
	v := asked
	if asked == minor {
		if _, have, err := bins.Get(minor); err == nil {
			v = have
		}
	}
	if hops.Compare(minor, "3.0") < 0 {
		return v + "/etcd2"
	}
	return v + "/etcd3"
}

type migration struct {
	Options
	work   swap.Work
	plan   *Plan
	result *Result
	// reference is the database that the last one has to be equal to.
	reference *datadir.Database
}

func (m *migration) run(ctx context.Context, info *datadir.Info, versionText string) error {
	if err := m.checkSpace(); err != nil {
		return err
	}
	if err := m.work.Prepare(func(datadir.Dir) error { return m.prepare(ctx, info) }); err != nil {
		return fmt.Errorf("%w\n%s is as it was", err, m.Dir)
	}
	n, err := m.work.Commit(versionText, info.VersionFile)
	if err != nil {
		return fmt.Errorf("%w\nthe new member was being put in place: the same command again ends that", err)
	}
	m.result.Generation = n
	m.Log.Info("swapped", zap.Int("original-kept-as-generation", n))
	if err := m.work.Prune(max(m.Keep, 1)); err != nil {
		m.Log.Warn("an old member could not be removed; the migration is done", zap.Error(err))
	}
	return nil
}

// prepare makes the new member beside the old one.
func (m *migration) prepare(ctx context.Context, info *datadir.Info) error {
	if m.plan.Steps[0].Kind != Convert {
		if !behind(info) {
			m.reference = info.Database
		}
		m.Log.Info("copy the member", zap.String("to", string(m.work.Dir())))
		err := m.during("copy", func() error { return tree.Copy(m.Dir.Member(), m.work.Dir().Member()) })
		if err != nil {
			return err
		}
	}
	for _, s := range m.plan.Steps {
		began := time.Now()
		m.Log.Info("step", zap.String("kind", string(s.Kind)), zap.String("etcd", max(s.Etcd, s.Minor)))
		if err := m.during(string(s.Kind), func() error { return m.step(ctx, s, info) }); err != nil {
			return fmt.Errorf("%s: %w", s.Kind, err)
		}
		m.result.Steps = append(m.result.Steps, Timing{Step: s, Duration: time.Since(began)})
		if err := m.refer(s); err != nil {
			return err
		}
	}
	return m.compare()
}

func (m *migration) step(ctx context.Context, s Step, info *datadir.Info) error {
	dir := m.work.Dir()
	switch s.Kind {
	case Convert:
		var err error
		m.reference, err = convert(info, dir, s.Minor, time.Now(), m.keysWritten(info.V2.Keys))
		info.Forget()
		// What comes next maps the new database into memory, beside an API server's.
		debug.FreeOSMemory()
		return err
	case Rebase:
		now, err := datadir.Outline(dir)
		if err != nil {
			return err
		}
		return rebase(now, dir, s.Minor)
	case Run, Downgrade:
		return m.serve(ctx, s, dir, info, false)
	case Check:
		return m.check(ctx, s, info)
	}
	return fmt.Errorf("no such step")
}

// rebase begins a new log behind the database.
func rebase(i *datadir.Info, dir datadir.Dir, minor string) error {
	spec, err := specOf(i, minor)
	if err != nil {
		return err
	}
	for _, e := range i.Log.Entries {
		if e.GetIndex() > i.Database.ConsistentIndex && e.GetType() == raftpb.EntryNormal && v2.IsV3Put(e.GetData()) {
			return fmt.Errorf("the database is at index %d, and entry %d of the log is not in it: the server did not end in good order", i.Database.ConsistentIndex, e.GetIndex())
		}
	}
	return v3dir.Write(dir.Member(), spec)
}

func (m *migration) serve(ctx context.Context, s Step, dir datadir.Dir, info *datadir.Info, alone bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.Timeout, fmt.Errorf("not within %s (--timeout)", m.Timeout))
	defer cancel()
	o := server.Options{Binary: s.Binary, Version: s.Etcd, DataDir: string(dir), Name: "default", ForceNewCluster: alone, Extra: m.ServerArgs, Log: m.ServerLog}
	for _, member := range info.Members() {
		if member.ID == info.NodeID {
			o.Name, o.ClientURLs = max(member.Name, o.Name), member.ClientURLs
		}
	}
	srv, err := server.Start(ctx, o)
	if err != nil {
		return err
	}
	err = srv.Await(ctx)
	switch {
	case err != nil:
	case s.Kind == Downgrade:
		err = srv.Downgrade(ctx, s.Minor)
	case m.plan != nil && m.plan.stepsDown():
		err = srv.EndDowngrade(ctx)
	}
	if err != nil {
		srv.Kill()
		return err
	}
	return srv.Stop(ctx)
}

// check runs the server on a second copy: what it writes there, such as a cluster of one, must not stay.
func (m *migration) check(ctx context.Context, s Step, info *datadir.Info) error {
	dir := datadir.Dir(filepath.Join(string(m.work.Dir()), "check"))
	defer os.RemoveAll(string(dir))
	if err := tree.Copy(m.work.Dir().Member(), dir.Member()); err != nil {
		return err
	}
	return m.serve(ctx, s, dir, info, true)
}

// refer takes what has to be there in the end, as soon as the database is known to hold all of the log: what comes after
// must not change it. Where keys were converted, that is what the v2 store held.
func (m *migration) refer(done Step) error {
	if m.reference != nil || done.Kind == Check {
		return nil
	}
	var err error
	m.reference, err = datadir.ReadDB(m.work.Dir().DB())
	return err
}

// compare makes sure that nothing was lost on the way.
func (m *migration) compare() error {
	after, err := datadir.ReadDB(m.work.Dir().DB())
	if err != nil {
		return err
	}
	m.count(after)
	before := m.reference
	switch {
	case len(after.Alarms) > len(before.Alarms):
		return fmt.Errorf("compare: etcd raises an alarm: %s", after.Alarms[0])
	case after.Keys-after.LeasedKeys != before.Keys-before.LeasedKeys:
		return fmt.Errorf("compare: %d keys have become %d", before.Keys-before.LeasedKeys, after.Keys-after.LeasedKeys)
	case after.Hash != before.Hash:
		return fmt.Errorf("compare: the hash over %d keys was %s, and is %s", before.Keys-before.LeasedKeys, before.Hash, after.Hash)
	case after.Revision < before.Revision:
		return fmt.Errorf("compare: revision %d has become %d", before.Revision, after.Revision)
	}
	return nil
}

func (m *migration) count(d *datadir.Database) {
	if d != nil {
		m.result.Keys, m.result.Revision, m.result.Leases, m.result.Hash = d.Keys, d.Revision, d.Leases, d.Hash
	}
}
