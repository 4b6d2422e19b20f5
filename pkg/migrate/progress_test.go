package migrate

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/swap"
)

func TestDuring(t *testing.T) {
	dir := datadir.Dir(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		core, said := observer.New(zapcore.InfoLevel)
		m := &migration{Options: Options{Dir: dir, Log: zap.New(core)}, work: swap.At(dir)}
		if err := m.during("short", func() error { time.Sleep(progressEvery - time.Millisecond); return nil }); err != nil || said.Len() != 0 {
			t.Errorf("short work: %v, %v", err, said.All())
		}
		fault := errors.New("fault")
		if err := m.during("long", func() error { time.Sleep(3*progressEvery + time.Second); return fault }); !errors.Is(err, fault) {
			t.Errorf("err = %v", err)
		}
		if said.Len() != 3 || said.All()[2].ContextMap()["for"] != 3*progressEvery || said.All()[2].ContextMap()["kind"] != "long" {
			t.Errorf("long work: %v", said.All())
		}
	})
}
