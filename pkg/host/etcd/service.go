package etcd

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
)

// service is a member that systemd runs by a unit of the host.
type service struct {
	h       Host
	sd      Services
	name    string
	program string
	dataDir string
	// alone is set for a member that may have to wait for others before it is ready, which a unit of Type=notify says only then.
	alone bool
}

func (s *service) swap(ctx context.Context, to setting, between func() error) error {
	if err := s.end(ctx); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	if err := install(to.program, s.program); err != nil {
		return err
	}
	if err := writeAll(to.files); err != nil {
		return err
	}
	return s.start(ctx)
}

func (s *service) end(ctx context.Context) error {
	s.h.say("stopping %s", s.name)
	return s.sd.StopService(ctx, s.name)
}

func (s *service) start(ctx context.Context) error {
	if err := allow(s.name); err != nil {
		return err
	}
	if err := s.sd.Reload(ctx); err != nil {
		return err
	}
	s.h.say("starting %s", s.name)
	if !s.alone {
		return s.sd.StartService(ctx, s.name)
	}
	try, cancel := context.WithTimeout(ctx, steady)
	defer cancel()
	if err := s.sd.StartService(try, s.name); err != nil && (try.Err() == nil || ctx.Err() != nil) {
		return err
	}
	return nil
}

func (s *service) stop(ctx context.Context) error {
	if err := forbid(s.name); err != nil {
		return err
	}
	if err := s.sd.Reload(ctx); err != nil {
		return err
	}
	return s.end(ctx)
}

func (s *service) alive(context.Context) bool {
	_, ok, err := local.AtDataDir(s.dataDir)
	return err == nil && ok
}

func (s *service) now() (*keptProcess, error) { return nil, nil }
func (s *service) binary() string             { return s.program }
func (s *service) unit() string               { return "" }

func (s *service) gaveUp(ctx context.Context) error {
	u, err := s.sd.Service(ctx, s.name)
	switch {
	case err != nil:
		return nil //nolint:nilerr // it is looked at again
	case u.State == "failed", u.State == "inactive":
		return fmt.Errorf("%s is %s (status %d)", s.name, u.State, u.ExitStatus)
	case u.Restarts >= hopeless: // it counts from our start on
		return fmt.Errorf("%s has ended %d times (status %d)", s.name, u.Restarts, u.ExitStatus)
	}
	return nil
}

func (s *service) said(ctx context.Context) string { return journal(ctx, s.sd, s.name) }

func journal(ctx context.Context, sd Services, unit string) string {
	text, err := sd.Said(ctx, unit, lastLines)
	if err != nil {
		return fmt.Sprintf("what %s has said cannot be read: %v", unit, err)
	}
	return fmt.Sprintf("the last lines of %s:\n%s", unit, strings.TrimSpace(text))
}
