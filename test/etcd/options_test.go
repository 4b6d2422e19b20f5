//go:build realetcd

package etcd

import (
	"testing"

	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

func options(tb testing.TB, dir, to string) migrate.Options {
	tb.Helper()
	return migrate.Options{Dir: datadir.Dir(dir), To: to, BinDir: binDir(tb), Strategy: migrate.Auto, Timeout: limit, Keep: 2, Log: zap.NewNop()}
}
