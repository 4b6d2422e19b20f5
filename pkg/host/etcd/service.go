package etcd

import (
	"context"
	"fmt"
	"strings"
)

// service is a member that systemd runs by a unit of the host.
type service struct {
	h       Host
	sd      Services
	name    string
	program string
	// restarts is how often systemd had started it by itself when we did.
	restarts uint32
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
	if u, err := s.sd.Service(ctx, s.name); err == nil {
		s.restarts = u.Restarts
	}
	s.h.say("starting %s", s.name)
	return s.sd.StartService(ctx, s.name)
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

func (s *service) alive(ctx context.Context) bool {
	u, err := s.sd.Service(ctx, s.name)
	return err == nil && u.State == "active"
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
	case u.Restarts >= s.restarts+hopeless:
		return fmt.Errorf("%s has ended %d times (status %d)", s.name, u.Restarts-s.restarts, u.ExitStatus)
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
