//go:build realetcd

package etcd

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// migratedLongAgo is a member that went from 2.3 to 3.5 as the documentation had it: etcdctl migrate, which copies the keys
// and leaves those of the v2 API where they were.
func migratedLongAgo(t *testing.T) (string, dump) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	for _, key := range []string{"a", "b", "c"} {
		r.set(http.MethodPut, "/registry/pods/"+key, "value", "v2 "+key)
	}
	_, urls := r.membersV2()
	r.stop()
	r = start(t, "3.0.17", dir, urls)
	r.stop()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binDir(t), "etcdctl-3.0.17"), "migrate", "--data-dir", dir)
	cmd.Env = []string{"ETCDCTL_API=3"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("etcdctl migrate: %v\n%s", err, out)
	}
	var want dump
	for _, version := range []string{"3.0.17", "3.1.20", "3.2.32", "3.3.27", "3.4.16", "3.5.35"} {
		r = start(t, version, dir, urls, "--snapshot-count", "2") // in a cluster's life there were many: 3.5 does not serve from a log of 2.x
		want = r.dumpV3()
		r.stop()
	}
	if len(want.Items) != 3 {
		t.Fatalf("etcdctl migrate has made %d keys", len(want.Items))
	}
	return dir, want
}

// TestLeftovers starts 3.6 on a member over which it would panic.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir, want := migratedLongAgo(t)
	i := inspect(t, dir)
	if i.Version != "3.5" || i.V2.Keys != 3 {
		t.Errorf("%s with %d v2 keys", i.Version, i.V2.Keys)
	}
	for _, strategy := range []migrate.Strategy{migrate.Auto, migrate.Restore, migrate.Stepwise} {
		for _, to := range []string{"3.6.16", "3.7.3"} {
			t.Run(to+" "+string(strategy), func(t *testing.T) {
				target := migrated(t, dir, minorOf(to), strategy)
				if left := inspect(t, target).V2; left.Keys+left.LogWrites > 0 {
					t.Errorf("%d keys and %d requests are left", left.Keys, left.LogWrites)
				}
				serves(t, to, target, want)
			})
		}
	}
	t.Run("purge", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "data")
		if err := tree.Copy(dir, target); err != nil {
			t.Fatal(err)
		}
		if _, err := migrate.PurgeV2(t.Context(), options(t, target, "")); err != nil {
			t.Fatal(err)
		}
		if i := inspect(t, target); i.Version != "3.5" || i.V2.Keys+i.V2.LogWrites > 0 {
			t.Errorf("%s with %d keys and %d requests", i.Version, i.V2.Keys, i.V2.LogWrites)
		}
		serves(t, "3.6.16", target, want)
	})
}

// TestLogFrom2 takes over a member whose log still holds its time as 2.3, from which 3.5 itself would not serve.
func TestLogFrom2(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	_, urls := r.membersV2()
	r.stop()
	r = start(t, "3.0.17", dir, urls)
	fillV3(r)
	want := r.dumpV3()
	r.stop()
	for _, strategy := range []migrate.Strategy{migrate.Restore, migrate.Stepwise} {
		serves(t, "3.5.35", migrated(t, dir, "3.5", strategy), want)
		serves(t, "3.7.3", migrated(t, dir, "3.7", strategy), want)
	}
}

// TestUnmigrated converts the v2 keys of a member that runs 3.x already, and refuses where v3 keys are in the way.
func TestUnmigrated(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	fillV2(r)
	_, urls := r.membersV2()
	r.stop()
	r = start(t, "3.0.17", dir, urls)
	want := r.dumpV2(hidden...)
	r.stop()
	for _, strategy := range []migrate.Strategy{migrate.Restore, migrate.Stepwise} {
		serves(t, "3.6.16", migrated(t, dir, "3.6", strategy), want)
	}
	r = start(t, "3.0.17", dir, urls)
	if _, err := r.client().Put(t.Context(), "/new", "v3"); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if _, err := migrate.Migrate(t.Context(), options(t, dir, "3.6")); !errors.Is(err, migrate.ErrRefused) {
		t.Errorf("v2 keys beside v3 keys: %v", err)
	}
	o := options(t, dir, "3.6")
	o.DropV2 = true
	if _, err := migrate.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if i, err := datadir.Inspect(datadir.Dir(dir)); err != nil || i.Database.Keys != 1 {
		t.Errorf("%+v, %v", i, err)
	}
}

// TestByEtcdctl does not take what etcdctl has made of the keys of 2.3 for more than it is, and says what to do.
func TestByEtcdctl(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	fillV2(r)
	want := r.dumpV2(hidden...)
	r.stop()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binDir(t), "etcdctl-3.4.16"), "migrate", "--data-dir", dir)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if i := inspect(t, dir); i.Version != "2.3" || i.Database.Keys == 0 {
		t.Errorf("%s with %d keys", i.Version, i.Database.Keys)
	}
	if _, err := migrate.Migrate(t.Context(), options(t, dir, "3.6")); !errors.Is(err, migrate.ErrRefused) || !strings.Contains(err.Error(), "move that file away") {
		t.Fatal(err)
	}
	if err := os.Remove(datadir.Dir(dir).DB()); err != nil {
		t.Fatal(err)
	}
	serves(t, "3.6.16", migrated(t, dir, "3.6", migrate.Auto), want)
}
