//go:build realetcd

package etcd

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// TestDowngrade takes data back as far as etcd itself does, and up again.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	oldest := slices.Index(releases, "3.5.35")
	for i, from := range releases[oldest+1:] {
		t.Run("from "+from, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			r := start(t, from, dir, nil)
			fillV3(r)
			want := r.dumpV3()
			r.stop()
			for _, to := range releases[oldest : oldest+i+1] {
				for _, strategy := range []migrate.Strategy{migrate.Restore, migrate.Stepwise} {
					t.Run("to "+to+" "+string(strategy), func(t *testing.T) {
						t.Parallel()
						target := filepath.Join(t.TempDir(), "data")
						if err := tree.Copy(dir, target); err != nil {
							t.Fatal(err)
						}
						o := options(t, target, minorOf(to))
						o.Strategy, o.Downgrade = strategy, true
						if _, err := migrate.Migrate(t.Context(), o); err != nil {
							t.Fatal(err)
						}
						again := migrated(t, target, minorOf(from), migrate.Auto)
						serves(t, to, target, want)
						serves(t, from, again, want)
					})
				}
			}
		})
	}
}
