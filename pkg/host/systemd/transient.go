package systemd

import (
	"context"
	"fmt"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Transient is a service that exists until its process ends.
type Transient struct {
	Name, Description string
	// Start is the command; Stopped, if any, runs after it has ended in whatever way.
	Start, Stopped []string
	Env            []string
	// Limit ends the service by force.
	Limit time.Duration
}

// execCommand is one element of the D-Bus type a(sasb) of ExecStart=.
type execCommand struct {
	Path          string
	Args          []string
	IgnoreFailure bool
}

// stopGrace is how long the service has after SIGTERM; a package operation is let finish its current package.
const stopGrace = 90 * time.Second

// Start starts the service and waits until systemd says that it runs.
// It fails when a unit of that name is still loaded.
func (c *Conn) Start(ctx context.Context, t Transient) error {
	if c.Version < 236 {
		// Without CollectMode= a failed unit stays loaded and blocks its name.
		_ = c.ResetFailedUnitContext(ctx, t.Name)
	}
	ch := make(chan string, 1)
	if _, err := c.StartTransientUnitContext(ctx, t.Name, "fail", properties(t, c.Version), ch); err != nil {
		return fmt.Errorf("start unit %s: %w", t.Name, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("start unit %s: %w", t.Name, context.Cause(ctx))
	case r := <-ch:
		if r != "done" {
			return fmt.Errorf("start unit %s: systemd's job ended as %q", t.Name, r)
		}
		return nil
	}
}

// properties leaves out what the host's systemd does not know yet: an unknown property fails the whole call.
func properties(t Transient, version int) []sd.Property {
	p := []sd.Property{
		prop("Description", t.Description),
		prop("ExecStart", []execCommand{{Path: t.Start[0], Args: t.Start}}),
		prop("RemainAfterExit", false),
		prop("KillMode", "control-group"),
		prop("Environment", t.Env),
	}
	typ := "simple"
	if version >= 240 {
		// Type=exec reports a binary that cannot be executed instead of calling it started.
		typ = "exec"
		if len(t.Stopped) > 0 {
			p = append(p, prop("ExecStopPost", []execCommand{{Path: t.Stopped[0], Args: t.Stopped}}))
		}
	}
	p = append(p, prop("Type", typ))
	if version >= 229 {
		p = append(p, prop("RuntimeMaxUSec", micros(t.Limit)))
	}
	if version >= 236 {
		p = append(p, prop("CollectMode", "inactive-or-failed"), prop("TimeoutStopUSec", micros(stopGrace)))
	}
	return p
}

func prop(name string, v any) sd.Property { return sd.Property{Name: name, Value: dbus.MakeVariant(v)} }

func micros(d time.Duration) uint64 { return uint64(d.Microseconds()) } //nolint:gosec // limits are positive
