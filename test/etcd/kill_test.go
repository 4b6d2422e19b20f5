//go:build realetcd

package etcd

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/swap"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

var (
	kills = flag.Int("kills", 20, "how often TestKill kills a migration")
	seed  = flag.Uint64("seed", 1, "another one gives other instants")
)

// instants are spread over the whole time of a run, each at random within its share of it.
func instants(n int, whole time.Duration) []time.Duration {
	random := rand.New(rand.NewPCG(*seed, 0)) //nolint:gosec // it shall be the same again
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = time.Duration((float64(i) + random.Float64()) / float64(n) * float64(whole))
	}
	return list
}

func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "etcd-migrate")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/etcd-migrate")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build etcd-migrate: %v\n%s", err, out)
	}
	return path
}

// TestKill kills the whole migration at any instant, and starts it again until it ends by itself.
func TestKill(t *testing.T) {
	t.Parallel()
	binary := build(t)
	origin := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", origin, nil)
	fillV2(r)
	r.stop()
	before := inspect(t, origin)
	for strategy, n := range map[migrate.Strategy]int{migrate.Restore: *kills - *kills/4, migrate.Stepwise: *kills / 4} {
		want := inspect(t, migrated(t, origin, "3.6", strategy))
		began := time.Now()
		migrated(t, origin, "3.6", strategy)
		whole := time.Since(began)
		t.Run(string(strategy), func(t *testing.T) {
			killed := 0
			for _, at := range instants(n, whole) {
				dir := filepath.Join(t.TempDir(), "data")
				if err := tree.Copy(origin, dir); err != nil {
					t.Fatal(err)
				}
				if kill(t, binary, dir, strategy, at) {
					killed++
				}
				if _, err := os.Stat(filepath.Join(dir, "member")); err != nil {
					t.Logf("killed after %s, between the two renames", at)
				}
				if _, err := run(t, binary, dir, strategy); err != nil {
					t.Fatalf("killed after %s, and then: %v", at, err)
				}
				got := inspect(t, dir)
				if got.Database.Hash != want.Database.Hash || got.Database.Revision != want.Database.Revision || got.Version != "3.6" {
					t.Fatalf("killed after %s: %d keys at revision %d of %s", at, got.Database.Keys, got.Database.Revision, got.Version)
				}
				old, _, err := swap.At(datadir.Dir(dir)).Generation(1)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(before.Contents, inspect(t, string(old)).Contents); d != "" {
					t.Fatalf("killed after %s: the original is not what it was:\n%s", at, d)
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("killed %d of %d runs before their end, which comes after %s (seed %d)", killed, n, whole, *seed)
			if killed < n/2 {
				t.Error("most runs were over before they were killed: the test shows nothing")
			}
		})
	}
}

func inspect(t *testing.T, dir string) *datadir.Info {
	t.Helper()
	i, err := datadir.Inspect(datadir.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func migration(t *testing.T, binary, dir string, strategy migrate.Strategy) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), binary, "migrate", "--data-dir", dir, "--to", "3.6", "--strategy", string(strategy), "--bin-dir", binDir(t))
}

// kill says whether the process was still there.
func kill(t *testing.T, binary, dir string, strategy migrate.Strategy, after time.Duration) bool {
	t.Helper()
	cmd := migration(t, binary, dir, strategy)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	err := cmd.Wait()
	return errors.As(err, &exit) && !exit.Exited()
}

func run(t *testing.T, binary, dir string, strategy migrate.Strategy) (string, error) {
	t.Helper()
	out, err := migration(t, binary, dir, strategy).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return string(out), nil
}

// A run that is cancelled leaves the directory as it was.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	binary := build(t)
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "3.0.17", dir, nil)
	fillV3(r)
	r.stop()
	before := inspect(t, dir)
	cmd := migration(t, binary, dir, migrate.Stepwise)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Second, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted run reports success")
	}
	after := inspect(t, dir)
	if after.Version != before.Version || after.Database.Hash != before.Database.Hash {
		t.Errorf("%s has become %s", before.Version, after.Version)
	}
	o := options(t, dir, "3.4")
	o.Log = zap.NewNop()
	if _, err := migrate.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}
