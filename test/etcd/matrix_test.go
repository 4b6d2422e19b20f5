//go:build realetcd

package etcd

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// hidden are the keys of fillV2 that no listing shows.
var hidden = []string{"/registry/_hidden", "/_top"}

// fillV2 makes every kind of change that the v2 API knows.
func fillV2(r *running) {
	for i := range 60 {
		r.set(http.MethodPut, fmt.Sprintf("/registry/pods/default/p%02d", i), "value", fmt.Sprintf(`{"kind":"Pod","n":%d}`, i))
	}
	for i := range 20 {
		key := fmt.Sprintf("/registry/pods/default/p%02d", i)
		a := r.set(http.MethodPut, key, "value", fmt.Sprintf("changed %d", i), "prevIndex", fmt.Sprint(r.set(http.MethodGet, key).Node.ModifiedIndex))
		if a.ErrorCode != 0 {
			r.t.Fatalf("swap %s: error %d", key, a.ErrorCode)
		}
		r.set(http.MethodPut, key, "value", "never", "prevValue", "something else")
	}
	for i := 40; i < 50; i++ {
		r.set(http.MethodDelete, fmt.Sprintf("/registry/pods/default/p%02d", i))
	}
	r.set(http.MethodDelete, "/registry/pods/default/p50", "prevValue", `{"kind":"Pod","n":50}`)
	for range 5 {
		r.set(http.MethodPost, "/queue", "value", "in order")
	}
	r.set(http.MethodPut, "/registry/_hidden/secret", "value", "hidden below")
	r.set(http.MethodPut, "/_top", "value", "hidden at the top")
	r.set(http.MethodPut, "/coreos.com/network/config", "value", `{"Network":"10.0.0.0/8"}`)
	r.set(http.MethodPut, "/registry/empty", "value", "")
	r.set(http.MethodPut, "/registry/odd/a b+ü%2F", "value", "line one\nline two \"quoted\" <&> \u2028 ü")
	for i := range 8 {
		r.set(http.MethodPut, fmt.Sprintf("/registry/events/default/e%d", i), "value", "event", "ttl", fmt.Sprint(3000+i))
	}
	r.set(http.MethodPut, "/registry/leases", "dir", "true", "ttl", "2000")
	r.set(http.MethodPut, "/registry/leases/a", "value", "as long as the directory")
	r.set(http.MethodPut, "/registry/nothing", "dir", "true")
	r.set(http.MethodPut, "/gone", "dir", "true")
	r.set(http.MethodPut, "/gone/x", "value", "x")
	r.set(http.MethodDelete, "/gone", "recursive", "true")
}

// fillV3 makes every kind of change that the v3 API knows.
func fillV3(r *running) {
	r.t.Helper()
	ctx, c := r.t.Context(), r.client()
	must := func(_ any, err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	for i := range 60 {
		must(c.Put(ctx, fmt.Sprintf("/registry/pods/default/p%02d", i), fmt.Sprintf("k8s\x00\xff\xfe pod %d", i)))
	}
	for i := range 20 {
		must(c.Txn(ctx).Then(clientv3.OpPut(fmt.Sprintf("/registry/pods/default/p%02d", i), "changed"), clientv3.OpPut(fmt.Sprintf("/registry/twin/%d", i), "same revision")).Commit())
	}
	for i := 40; i < 50; i++ {
		must(c.Delete(ctx, fmt.Sprintf("/registry/pods/default/p%02d", i)))
	}
	resp, err := c.Get(ctx, "x")
	must(resp, err)
	must(c.Compact(ctx, resp.Header.GetRevision()-3))
	must(c.Put(ctx, "/registry/empty", ""))
	for i := range 3 {
		lease, err := c.Grant(ctx, int64(3000+i))
		must(lease, err)
		must(c.Put(ctx, fmt.Sprintf("/registry/events/default/e%d", i), "event", clientv3.WithLease(lease.ID)))
	}
	must(c.Put(ctx, "/registry/last", "deleted at the newest revision"))
	must(c.Delete(ctx, "/registry/last"))
}

// migrated is a copy of the directory at the target.
func migrated(t *testing.T, from, to string, strategy migrate.Strategy) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := tree.Copy(from, dir); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir, to)
	o.Strategy = strategy
	if _, err := migrate.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return dir
}

// same compares what two servers serve. TTLs have gone on meanwhile.
func same(t *testing.T, want, got dump) {
	t.Helper()
	if len(want.Items) != len(got.Items) {
		t.Errorf("%d keys have become %d", len(want.Items), len(got.Items))
	}
	for i := range min(len(want.Items), len(got.Items)) {
		w, g := want.Items[i], got.Items[i]
		if w.TTL == -1 && g.TTL > 0 || g.TTL == -1 && w.TTL > 0 || w.TTL > 0 && g.TTL > w.TTL-120 && g.TTL <= w.TTL+1 {
			g.TTL = w.TTL
		}
		if w != g {
			t.Fatalf("want %+v\n got %+v", w, g)
		}
	}
	if want.Revision != got.Revision {
		t.Errorf("revision %d has become %d", want.Revision, got.Revision)
	}
	if d := cmp.Diff(want.Members, got.Members); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
}

// serves starts the target twice and lets it write in between.
func serves(t *testing.T, version, dir string, want dump) {
	t.Helper()
	r := start(t, version, dir, want.URLs)
	same(t, want, r.dumpV3())
	resp, err := r.client().Put(t.Context(), "/registry/new", "written after")
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.GetRevision(); got != want.Revision+1 {
		t.Errorf("the first write is revision %d, after %d", got, want.Revision)
	}
	r.stop()
	r = start(t, version, dir, want.URLs)
	after := r.dumpV3()
	if !slices.ContainsFunc(after.Items, func(i item) bool { return i.Key == "/registry/new" }) || len(after.Items) != len(want.Items)+1 {
		t.Error("a write is lost after a restart")
	}
	r.stop()
}

// TestMatrix takes the data of every release to every later one, both ways.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for i, from := range releases[:len(releases)-1] {
		t.Run("from "+from, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			r := start(t, from, dir, nil)
			var want dump
			if from < "3" {
				fillV2(r)
				want = r.dumpV2(hidden...)
			} else {
				fillV3(r)
				want = r.dumpV3()
			}
			r.stop()
			for _, to := range releases[i+1:] {
				for _, strategy := range []migrate.Strategy{migrate.Restore, migrate.Stepwise} {
					t.Run(fmt.Sprintf("to %s %s", to, strategy), func(t *testing.T) {
						t.Parallel() // they wait for elections more than they work
						serves(t, to, migrated(t, dir, minorOf(to), strategy), want)
					})
				}
			}
		})
	}
}

// writeLast writes what is confirmed an instant before the end: it is in the log, which does not say yet that it is committed.
func writeLast(t *testing.T, r *running, dir string, into *dump) {
	t.Helper()
	const key, value = "/registry/zzz-confirmed-last", "confirmed"
	if r.version < "3" {
		into.Revision = int64(r.set(http.MethodPut, key, "value", value).Node.CreatedIndex)
	} else {
		put, err := r.client().Put(t.Context(), key, value)
		if err != nil {
			t.Fatal(err)
		}
		into.Revision = put.Header.GetRevision()
	}
	into.Items = append(into.Items, item{Key: key, Value: value, Create: into.Revision, Mod: into.Revision, Version: 1})
	into.sort()
	// Up to 3.4.20 and 3.5.4, a member that is alone may confirm what is not on its disk yet: https://github.com/etcd-io/etcd/issues/14370.
	eventually(t, "wait for the log to have the last write", func(context.Context) bool {
		files, _ := filepath.Glob(filepath.Join(datadir.Dir(dir).WAL(), "*.wal"))
		return slices.ContainsFunc(files, func(f string) bool {
			data, err := os.ReadFile(f)
			return err == nil && bytes.Contains(data, []byte(key))
		})
	})
}

// TestKilledServer takes over what was in the log only, up to the last write that was confirmed.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	for _, from := range releases[:len(releases)-1] {
		t.Run("from "+from, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			r := start(t, from, dir, nil, "--snapshot-count", "50")
			var want dump
			if from < "3" {
				fillV2(r)
				want = r.dumpV2(hidden...)
			} else {
				fillV3(r)
				want = r.dumpV3()
			}
			writeLast(t, r, dir, &want)
			r.stopped = true
			r.Kill()
			for _, strategy := range []migrate.Strategy{migrate.Restore, migrate.Stepwise} {
				t.Run(string(strategy), func(t *testing.T) {
					t.Parallel()
					to := releases[len(releases)-1]
					serves(t, to, migrated(t, dir, minorOf(to), strategy), want)
				})
			}
		})
	}
}

// TestRollback puts the old member back, and it serves what it did.
func TestRollback(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	fillV2(r)
	want := r.dumpV2(hidden...)
	r.stop()
	o := options(t, dir, "3.6")
	if _, err := migrate.Migrate(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Rollback(o, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := datadir.Dir(dir).ReadVersionFile(); err != nil || got != "" {
		t.Errorf("version.txt is %q, %v", got, err)
	}
	r = start(t, "2.3.8", dir, want.URLs)
	// It answers before it has applied the end of its log again; what goes through the log comes after that.
	if _, err := r.v2(http.MethodGet, "/", url.Values{"quorum": {"true"}}); err != nil {
		t.Fatal(err)
	}
	got := r.dumpV2(hidden...)
	want.Revision = got.Revision // the member has published its name again
	same(t, want, got)
	r.stop()
	if _, err := os.Stat(filepath.Join(dir, datadir.StateDir, "generations", "0002", "member")); err != nil {
		t.Error(err)
	}
}
