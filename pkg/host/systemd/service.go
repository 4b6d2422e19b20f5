package systemd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
)

// Service is what systemd knows of a service.
type Service struct {
	Name string
	// Fragment is the unit's file; DropIns are in the order in which they count.
	Fragment string
	DropIns  []string
	// Exec is the command of the first ExecStart=, without variables put in.
	Exec             []string
	WorkingDirectory string
	Environment      []string
	// Transient is set for a unit that was made while the host ran.
	Transient bool
	State     string
	// Restarts counts how often systemd has started it again by itself; known from version 235 on.
	Restarts uint32
	// ExitStatus is how its last process ended: an exit status or the number of a signal.
	ExitStatus int32

	// environment are the patterns of EnvironmentFile=.
	environment []string
}

// Service asks for a service.
func (c *Conn) Service(ctx context.Context, unit string) (Service, error) {
	u, err := c.GetUnitPropertiesContext(ctx, unit)
	if err != nil {
		return Service{}, fmt.Errorf("ask systemd for %s: %w", unit, err)
	}
	s, err := c.GetUnitTypePropertiesContext(ctx, unit, "Service")
	if err != nil {
		return Service{}, fmt.Errorf("ask systemd for %s: %w", unit, err)
	}
	out := Service{
		Name: unit, Fragment: value[string](u, "FragmentPath"), DropIns: value[[]string](u, "DropInPaths"), Transient: value[bool](u, "Transient"),
		State: value[string](u, "ActiveState"), Restarts: value[uint32](s, "NRestarts"), ExitStatus: value[int32](s, "ExecMainStatus"), Environment: value[[]string](s, "Environment"),
		WorkingDirectory: strings.TrimPrefix(value[string](s, "WorkingDirectory"), "!"),
	}
	// The types are a(sasbttttuii) and a(sb).
	for _, e := range value[[][]any](s, "ExecStart") {
		if len(e) > 1 {
			out.Exec, _ = e[1].([]string)
			break
		}
	}
	for _, e := range value[[][]any](s, "EnvironmentFiles") {
		if path, ok := e[0].(string); ok {
			out.environment = append(out.environment, path)
		}
	}
	return out, nil
}

// value gives a property, or nothing when this systemd does not have it.
func value[T any](properties map[string]any, name string) T {
	v, _ := properties[name].(T)
	return v
}

// EnvironmentFiles lists the files of EnvironmentFile=, which takes patterns.
func (s Service) EnvironmentFiles() ([]string, error) {
	var out []string
	for _, pattern := range s.environment {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("find environment files %s: %w", pattern, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// Variables are the environment that the service gets, as NAME=value; what comes later counts.
func (s Service) Variables() ([]string, error) {
	out := slices.Clone(s.Environment)
	files, err := s.EnvironmentFiles()
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read environment of %s: %w", s.Name, err)
		}
		for l := bufio.NewScanner(f); l.Scan(); {
			k, v, ok := strings.Cut(strings.TrimSpace(l.Text()), "=")
			if ok && !strings.HasPrefix(k, "#") && !strings.HasPrefix(k, ";") {
				out = append(out, strings.TrimSpace(k)+"="+strings.Trim(strings.TrimSpace(v), `"'`))
			}
		}
		f.Close()
	}
	return out, nil
}

// UnitOf names the service of a process; empty when it is none's, such as that of a session.
func (c *Conn) UnitOf(ctx context.Context, pid int) (string, error) {
	name, err := c.GetUnitNameByPID(ctx, uint32(pid)) //nolint:gosec // process numbers are positive
	if de, ok := errors.AsType[dbus.Error](err); ok && strings.HasSuffix(de.Name, ".NoUnitForPID") {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask systemd for process %d: %w", pid, err)
	}
	if !strings.HasSuffix(name, ".service") || strings.HasPrefix(name, "user@") {
		return "", nil
	}
	return name, nil
}

// Installed lists the services whose name has a word in it, templates left out.
func (c *Conn) Installed(ctx context.Context, word string) ([]string, error) {
	// ListUnitFilesByPatterns would be shorter; it came with systemd 230.
	files, err := c.ListUnitFilesContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list unit files: %w", err)
	}
	var out []string
	for _, f := range files {
		name := filepath.Base(f.Path)
		if strings.Contains(name, word) && strings.HasSuffix(name, ".service") && !strings.Contains(name, "@.") && !strings.HasPrefix(f.Type, "masked") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// StartService starts a unit and waits until systemd says that it runs.
func (c *Conn) StartService(ctx context.Context, unit string) error {
	_ = c.ResetFailedUnitContext(ctx, unit) // one that failed several times within seconds is not started again otherwise
	return c.job(ctx, "start", unit, c.StartUnitContext)
}

// StopService stops a unit and waits until it has ended.
func (c *Conn) StopService(ctx context.Context, unit string) error {
	return c.job(ctx, "stop", unit, c.StopUnitContext)
}

// Reload has systemd read the unit files again.
func (c *Conn) Reload(ctx context.Context) error {
	if err := c.ReloadContext(ctx); err != nil {
		return fmt.Errorf("reload units: %w", err)
	}
	return nil
}

func (c *Conn) job(ctx context.Context, verb, unit string, do func(context.Context, string, string, chan<- string) (int, error)) error {
	ch := make(chan string, 1)
	if _, err := do(ctx, unit, "replace", ch); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	return await(ctx, verb, unit, ch)
}

func await(ctx context.Context, verb, unit string, ch <-chan string) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", verb, unit, context.Cause(ctx))
	case r := <-ch:
		if r != "done" {
			return fmt.Errorf("%s %s: systemd's job ended as %q", verb, unit, r)
		}
		return nil
	}
}

// Said gives the last lines of the journal of a unit.
func (c *Conn) Said(ctx context.Context, unit string, lines int) (string, error) {
	return proc.Output(ctx, "journalctl", "-u", unit, "-n", strconv.Itoa(lines), "--no-pager", "-o", "cat")
}

// Daemon is a service without a file that runs until it is stopped or the host is.
type Daemon struct {
	Name, Description string
	// Start is the command.
	Start []string
	Env   []string
	Dir   string
	// User and Group are numbers.
	User, Group string
	// Files is the limit of open files, soft and hard; zero leaves systemd's.
	Files [2]uint64
}

// StartDaemon starts it and waits until systemd says that it runs.
func (c *Conn) StartDaemon(ctx context.Context, d Daemon) error {
	_ = c.ResetFailedUnitContext(ctx, d.Name) // one that failed blocks its name
	p := []sd.Property{
		prop("Description", d.Description),
		prop("ExecStart", []execCommand{{Path: d.Start[0], Args: d.Start}}),
		prop("Environment", d.Env), prop("WorkingDirectory", d.Dir), prop("User", d.User), prop("Group", d.Group),
		prop("Type", "simple"),
	}
	if d.Files[1] > 0 {
		p = append(p, prop("LimitNOFILE", d.Files[1]))
		if c.Version >= 229 {
			p = append(p, prop("LimitNOFILESoft", d.Files[0]))
		}
	}
	ch := make(chan string, 1)
	if _, err := c.StartTransientUnitContext(ctx, d.Name, "fail", p, ch); err != nil {
		return fmt.Errorf("start %s: %w", d.Name, err)
	}
	return await(ctx, "start", d.Name, ch)
}
