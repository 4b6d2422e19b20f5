package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/tool"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// goBack puts back what was there, and says what went wrong and what runs now. cause is nil when an earlier try was on its way back.
func (r *replacement) goBack(ctx context.Context, cause error) error {
	if cause != nil {
		said := r.run.said(context.WithoutCancel(ctx))
		reason := fmt.Errorf("replace etcd member %s: %w\n%s", r.a.Name, cause, said)
		if err := r.mayGoBack(ctx); err != nil {
			return fmt.Errorf("%w\nit is not put back: %w", reason, err)
		}
		r.rec.Phase, r.rec.Reason = back, reason.Error()
		if err := r.keep.write(r.rec); err != nil {
			return fmt.Errorf("%w\nit is not put back: %w\nwhat was there before is kept in %s; the same again goes on", reason, err, r.keep)
		}
	}
	// What was asked for before says what is undone; who asks now may want something else.
	r.a = r.rec.Action
	reason := errors.New(r.rec.Reason)
	r.h.say("putting back etcd member %s as it was", r.a.Name)
	lost, err := r.putBack(ctx)
	if err != nil {
		return fmt.Errorf("%w\nit could not be put back: %w\nwhat was there before is kept in %s; the same again goes on with putting it back", reason, err, r.keep)
	}
	if err := r.keep.clear(); err != nil {
		return fmt.Errorf("%w\nthe member runs as %s again, as before%s; but what was kept of it is still in %s: %w", reason, r.a.From.Bare(), lost, r.keep, err)
	}
	r.h.say("etcd member %s serves as %s again", r.a.Name, r.a.From.Bare())
	return fmt.Errorf("%w\nthe member runs as %s again, as before, and is healthy%s", reason, r.a.From.Bare(), lost)
}

// mayGoBack refuses where the old program could not serve: the others have agreed on the new version.
func (r *replacement) mayGoBack(ctx context.Context) error {
	if r.alone || !r.a.From.Less(r.a.Version) {
		return nil
	}
	all, err := r.ask.Cluster(ctx, r.a.Access.Endpoints)
	if err != nil {
		return nil //nolint:nilerr // who cannot be asked has agreed on nothing
	}
	for _, m := range all.Members {
		if v := m.ClusterVersion; m.Name != r.a.Name && newer(v, r.a.From) {
			return fmt.Errorf("the cluster has agreed on %s, with which %s does not start (%s, for one, says so); the others go on: find out what it lacks, or remove the member and add it anew",
				v.MinorString(), r.a.From.Bare(), m.Name)
		}
	}
	return nil
}

// newer tells whether a version is of a later minor.
func newer(v, than version.Version) bool { return than.Less(v) && !v.SameMinor(than) }

// putBack is done twice where the first try was killed. It says what of the data does not come along.
func (r *replacement) putBack(ctx context.Context) (lost string, err error) {
	to, err := r.was()
	if err != nil {
		return "", err
	}
	r.resumeBack(to)
	var between func() error
	if r.alone {
		between = func() (err error) {
			lost, err = r.h.dataBack(ctx, r.a, r.rec)
			return err
		}
	}
	if err := r.run.swap(ctx, to, between); err != nil {
		return lost, err
	}
	return lost, r.h.await(ctx, r.run, r.ask, r.a.Access.Endpoints, r.a.From, max(r.a.Wait, defaultWait))
}

// resumeBack looks up what the way forward had found out, where another process went it.
func (r *replacement) resumeBack(to setting) {
	if p, ok := r.run.(*pod); ok && len(to.files) > 0 {
		p.before = []byte(r.a.Files[0].After)
	}
	r.alone = r.rec.Alone
}

// dataBack puts the data back of a stopped member that is alone, where the old program does not start on what there is. It says what that means.
func (h Host) dataBack(ctx context.Context, a hostaction.EtcdReplace, rec *record) (string, error) {
	starts, err := h.startsOn(ctx, a)
	if err != nil || starts {
		return "", err
	}
	number, err := since(a.DataDir, rec)
	if err != nil {
		return "", err
	}
	if a.WALDir != "" {
		return "", fmt.Errorf("put data back: they are kept as generation %d in %s, but the log lies in %s: put both back by hand, the log from the generation's wal",
			number, generationsDir(a.DataDir), a.WALDir)
	}
	h.say("etcd %s does not start on the data that are there: those from before are put back", a.From.Bare())
	r, err := h.tool().Rollback(ctx, a.DataDir, number)
	if err != nil {
		return "", fmt.Errorf("put data back: %w", err)
	}
	return fmt.Sprintf("; its data are those from before (generation %d), and what %s has made of them is kept as generation %d in %s",
		number, a.Version.Bare(), r.Kept, generationsDir(a.DataDir)), nil
}

// since is the oldest generation that was not there before.
func since(dataDir string, rec *record) (int, error) {
	if rec.Generation != 0 {
		return rec.Generation, nil
	}
	have, err := generations(dataDir)
	if err != nil {
		return 0, err
	}
	newest := 0
	if n := len(rec.Generations); n > 0 {
		newest = rec.Generations[n-1]
	}
	i := slices.IndexFunc(have, func(n int) bool { return n > newest })
	if i < 0 {
		return 0, fmt.Errorf("put data back: none were kept in %s since then", generationsDir(dataDir))
	}
	return have[i], nil
}

// startsOn tells whether the old program takes the data that are there.
func (h Host) startsOn(ctx context.Context, a hostaction.EtcdReplace) (bool, error) {
	dir := a.DataDir
	if a.WALDir != "" {
		looked, err := os.MkdirTemp(string(h.Work), "etcd-look-")
		if err != nil {
			return false, fmt.Errorf("look at etcd's data: %w", err)
		}
		defer os.RemoveAll(looked)
		from, into := disk.Of(dir, a.WALDir), disk.Of(looked, "")
		err = errors.Join(into.Make(), disk.Link(from.Snap, into.Snap, "*.snap"), disk.Link(from.Snap, into.Snap, "db"), disk.Link(from.WAL, into.WAL, "*.wal"))
		if err != nil {
			return false, fmt.Errorf("look at etcd's data: %w", err)
		}
		dir = looked
	}
	info, err := h.tool().Inspect(ctx, dir)
	if err != nil {
		h.say("the data that are there cannot be read: %v", err)
		return false, nil
	}
	return starts(info, a.From), nil
}

// starts compares with what is written down of versions: a server refuses to start on those newer than itself, and 2.x with the database of the v3 API
// (https://github.com/etcd-io/etcd/blob/v2.3.8/etcdserver/server.go).
func starts(i *tool.Info, from version.Version) bool {
	said := []string{i.V2.ClusterVersion}
	if i.Database != nil {
		if from.Major < 3 {
			return false
		}
		said = append(said, i.Database.ClusterVersion, i.Database.StorageVersion)
	}
	return !slices.ContainsFunc(said, func(s string) bool {
		v, err := version.Parse(s)
		return err == nil && newer(v, from)
	})
}
