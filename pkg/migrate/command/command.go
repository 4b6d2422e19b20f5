// Package command is the command line of etcd-migrate.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
)

// Exit codes.
const (
	codeDone    = 0
	codeFailed  = 1
	codeUsage   = 2
	codeRefused = 3 // it could lose something, or cannot be done
	codeInUse   = 4 // another process works on the directory
	codeMissing = 5 // a release of etcd is not at hand
)

const usage = `etcd-migrate works on the data directory of one etcd member that does not run.

usage: etcd-migrate [COMMAND] [flags]

  migrate     bring the directory to another release of etcd (this is the default)
  plan        show what migrate would do
  inspect     show what is in the directory
  rollback    put back the member that was there before
  purge-v2    take out what the v2 API has left, over which etcd 3.6 does not start
  snapshot save FILE      write a snapshot of the member
  snapshot verify FILE    check a snapshot, and serve it once
  snapshot restore FILE   make a new member of a snapshot
  install DIR bring this program and the releases in --bin-dir to a folder
  version     show the version of this program

`

// IO is what a command talks to.
type IO struct {
	Out, Err io.Writer
	Getenv   func(string) string
}

// app is one invocation.
type app struct {
	IO
	flags *pflag.FlagSet
	opts  migrate.Options
	log   *zap.Logger

	output, strategy, dataDir string
	pod                       string
	storage                   string
	creds                     string
	termination               string
	generation                int
	member                    migrate.Member
	bump                      uint64
	skipHash                  bool
	versions                  []string
	args                      []string
}

// Run runs a command line and returns the exit code.
func Run(ctx context.Context, args []string, std IO) int {
	a := &app{IO: std}
	name := "migrate"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if name == "snapshot" && len(args) > 0 {
		name, args = "snapshot "+args[0], args[1:]
	}
	if err := a.parse(name, args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return codeDone
		}
		fmt.Fprintln(a.Err, "etcd-migrate:", err)
		return codeUsage
	}
	err := a.command(ctx, name)
	if err != nil {
		fmt.Fprintln(a.Err, "etcd-migrate:", err)
		a.fail(err)
	}
	return code(err)
}

func code(err error) int {
	var wrong usageError
	switch {
	case err == nil:
		return codeDone
	case errors.As(err, &wrong):
		return codeUsage
	case errors.Is(err, migrate.ErrRefused), errors.Is(err, datadir.ErrNotData):
		return codeRefused
	case errors.Is(err, datadir.ErrInUse):
		return codeInUse
	case errors.Is(err, hops.ErrMissing):
		return codeMissing
	}
	return codeFailed
}

// usageError is a fault in the command line.
type usageError struct{ error }

func (a *app) command(ctx context.Context, name string) error {
	want := 0
	if name == "install" || strings.HasPrefix(name, "snapshot ") {
		want = 1
	}
	if len(a.args) != want {
		return usageError{fmt.Errorf("%s: want one FILE for a snapshot, one DIR to install, and no argument otherwise", name)}
	}
	switch name {
	case "migrate":
		return a.migrate(ctx)
	case "purge-v2":
		return a.purge(ctx)
	case "snapshot save":
		return a.save(ctx)
	case "snapshot verify":
		return a.verify(ctx)
	case "snapshot restore":
		if a.pod != "" {
			return a.restorePod(ctx)
		}
		return a.restore()
	case "plan":
		return a.plan()
	case "inspect":
		return a.inspect()
	case "rollback":
		return a.rollback()
	case "install":
		return a.install(ctx)
	case "version":
		_, err := fmt.Fprintln(a.Out, buildinfo.Version())
		return err
	}
	return usageError{fmt.Errorf("unknown command %q", name)}
}

func (a *app) logger() *zap.Logger {
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.ISO8601TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(c), zapcore.AddSync(a.Err), zapcore.InfoLevel))
}

func (a *app) json(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// needDir is asked by every command that works on a directory.
func (a *app) needDir() error {
	if a.dataDir == "" {
		return usageError{errors.New("want --data-dir")}
	}
	a.opts.Dir = datadir.Dir(a.dataDir)
	if _, err := os.Stat(a.dataDir); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	return nil
}
