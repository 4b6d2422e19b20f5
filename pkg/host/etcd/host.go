// Package etcd is what the agent does with the etcd member of a host: it looks, takes snapshots, replaces, stops, migrates and restores.
// Every action finds out by looking what is done already; what it notes on the host's disk says only where the old state is kept.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/tool"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// Host is where an action works.
type Host struct {
	Work workdir.Dir
	// Log takes whole lines.
	Log io.Writer
	// Services is the service manager. Action's own is Systemd.
	Services func(ctx context.Context) (Services, error)
	// Again is the command that does the action once more, for when the host loses power in its middle; it may be empty.
	Again []string
}

// Services starts and stops what is no static pod.
type Services interface {
	Service(ctx context.Context, unit string) (systemd.Service, error)
	StartService(ctx context.Context, unit string) error
	StopService(ctx context.Context, unit string) error
	Reload(ctx context.Context) error
	StartDaemon(ctx context.Context, d systemd.Daemon) error
	UnitOf(ctx context.Context, pid int) (string, error)
	Installed(ctx context.Context, word string) ([]string, error)
	// Said gives the last lines of what a unit has written.
	Said(ctx context.Context, unit string, lines int) (string, error)
	Close()
}

// Systemd connects to the host's systemd.
func Systemd(ctx context.Context) (Services, error) { return systemd.Connect(ctx) }

func (h Host) tool() tool.Tool { return tool.Tool{Dir: h.Work.Etcd(), Log: h.Log} }

func (h Host) say(format string, args ...any) { fmt.Fprintf(h.Log, format+"\n", args...) }

// poll asks until what it asks for is so, and says what it waits for whenever that changes. The error of the end has it too.
func (h Host) poll(ctx context.Context, every time.Duration, what string, look func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	var last error
	for {
		err := look(ctx)
		if err == nil {
			return nil
		}
		if final, ok := err.(*finalError); ok { //nolint:errorlint // only the look itself says so
			return fmt.Errorf("%s: %w", what, final.error)
		}
		if ctx.Err() != nil { // what was found out before says more than that the time was over while it was asked again
			return fmt.Errorf("%s: %w", what, errors.Join(context.Cause(ctx), last))
		}
		last = err
		if s := err.Error(); s != said {
			h.say("%s: %s", what, s)
			said = s
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

// finalError ends a poll: waiting cannot help.
type finalError struct{ error }

func final(format string, args ...any) error { return &finalError{fmt.Errorf(format, args...)} }
