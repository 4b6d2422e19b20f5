package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
)

// Units is the part of the service manager that is asked; *systemd.Conn is one.
type Units interface {
	// UnitOf names the unit of a process; empty when it is no service's.
	UnitOf(ctx context.Context, pid int) (string, error)
	Service(ctx context.Context, unit string) (systemd.Service, error)
	// Installed lists the services whose name has the word in it.
	Installed(ctx context.Context, word string) ([]string, error)
}

// OfProcess makes a member of a process that runs.
func OfProcess(ctx context.Context, units Units, p Process) (*Member, error) {
	m := &Member{host: func(path string) string { return path }}
	m.Run, m.PID, m.Binary, m.Args, m.Env, m.Owner = cluster.EtcdAsProcess, p.PID, p.Binary, p.Args, p.Env, p.Owner
	if units != nil {
		unit, err := units.UnitOf(ctx, p.PID)
		if err != nil {
			return nil, err
		}
		if unit != "" {
			s, err := units.Service(ctx, unit)
			if err != nil {
				return nil, err
			}
			m.Unit = unit
			// A unit that was made while the host ran has no file: when it is stopped it is gone, like a process.
			if !s.Transient {
				m.Run = cluster.EtcdAsService
				if err := m.unitFiles(s); err != nil {
					return nil, err
				}
			}
		}
	}
	return m, m.read(p.Dir)
}

// stopped finds a service that would run etcd.
func stopped(ctx context.Context, units Units) (*Member, error) {
	names, err := units.Installed(ctx, "etcd")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s, err := units.Service(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(s.Exec) == 0 || !etcdName.MatchString(filepath.Base(s.Exec[0])) {
			continue
		}
		m := &Member{host: func(path string) string { return path }}
		m.Run, m.Unit, m.Binary = cluster.EtcdAsService, name, real(s.Exec[0])
		if err := m.unitFiles(s); err != nil {
			return nil, err
		}
		env, err := s.Variables()
		if err != nil {
			return nil, err
		}
		lookup := map[string]string{}
		for _, e := range env {
			k, v, _ := strings.Cut(e, "=")
			lookup[k] = v
			if strings.HasPrefix(k, "ETCD_") {
				m.Env = append(m.Env, e)
			}
		}
		for _, a := range s.Exec[1:] {
			m.Args = append(m.Args, os.Expand(a, func(name string) string { return lookup[name] }))
		}
		return m, m.read(cmp.Or(s.WorkingDirectory, "/"))
	}
	return nil, nil
}

// unitFiles adds the unit's file, its drop-ins and its environment files.
func (m *Member) unitFiles(s systemd.Service) error {
	if s.Fragment != "" {
		if err := m.file(s.Fragment, "unit"); err != nil {
			return err
		}
	}
	for _, path := range s.DropIns {
		if err := m.file(path, "drop-in"); err != nil {
			return err
		}
	}
	files, err := s.EnvironmentFiles()
	if err != nil {
		return fmt.Errorf("read %s: %w", s.Name, err)
	}
	for _, path := range files {
		if err := m.file(path, "environment"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
