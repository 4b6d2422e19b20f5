package systemd

import (
	"context"
	"fmt"
)

// Active tells whether a unit runs, is about to, or has not quite ended.
func (c *Conn) Active(ctx context.Context, unit string) (bool, error) {
	s, err := c.State(ctx, unit)
	if err != nil {
		return false, err
	}
	return running(s), nil
}

func running(state string) bool {
	switch state {
	case "active", "activating", "deactivating", "reloading", "refreshing", "maintenance":
		return true
	}
	return false
}

// State is the ActiveState of a unit; that of a unit that systemd does not know is "inactive".
func (c *Conn) State(ctx context.Context, unit string) (string, error) {
	p, err := c.GetUnitPropertyContext(ctx, unit, "ActiveState")
	if err != nil {
		return "", fmt.Errorf("ask systemd for %s: %w", unit, err)
	}
	s, ok := p.Value.Value().(string)
	if !ok {
		return "", fmt.Errorf("ask systemd for %s: state is %s", unit, p.Value)
	}
	return s, nil
}

// MainPID is the process of a service; zero when none runs.
func (c *Conn) MainPID(ctx context.Context, service string) (uint32, error) {
	p, err := c.GetServicePropertyContext(ctx, service, "MainPID")
	if err != nil {
		return 0, fmt.Errorf("ask systemd for %s: %w", service, err)
	}
	pid, ok := p.Value.Value().(uint32)
	if !ok {
		return 0, fmt.Errorf("ask systemd for %s: main process is %s", service, p.Value)
	}
	return pid, nil
}

// Running lists the units with a prefix that run.
func (c *Conn) Running(ctx context.Context, prefix string) ([]string, error) {
	// ListUnitsByPatterns would be shorter; it came with systemd 230.
	units, err := c.ListUnitsContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list units: %w", err)
	}
	var names []string
	for _, u := range units {
		if len(u.Name) > len(prefix) && u.Name[:len(prefix)] == prefix && running(u.ActiveState) {
			names = append(names, u.Name)
		}
	}
	return names, nil
}

// Restart reloads the unit files, restarts a unit and waits for the job.
func (c *Conn) Restart(ctx context.Context, unit string) error {
	if err := c.ReloadContext(ctx); err != nil {
		return fmt.Errorf("reload units: %w", err)
	}
	ch := make(chan string, 1)
	if _, err := c.RestartUnitContext(ctx, unit, "replace", ch); err != nil {
		return fmt.Errorf("restart %s: %w", unit, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("restart %s: %w", unit, context.Cause(ctx))
	case r := <-ch:
		if r != "done" {
			return fmt.Errorf("restart %s: systemd's job ended as %q", unit, r)
		}
		return nil
	}
}
