package etcd

import (
	"context"
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Rollback puts back what a replacement, or a stop and what came after it, has kept: data, files and program.
func (h Host) Rollback(ctx context.Context, a hostaction.EtcdRollback) (any, error) {
	m := a.Member
	m.Version = m.From // what serves afterwards
	s, end, err := h.newStart(ctx, m, a.Alone)
	if err != nil {
		return nil, err
	}
	defer end()
	k := h.kept(a.Member.Name)
	rec, err := k.read()
	if err != nil {
		return nil, err
	}
	// What was stopped and not started yet has nothing but the record of the stop.
	if s.stopped != nil && (rec == nil || rec.Stopped != s.stopped.Stopped) {
		k, rec = s.place, s.stopped
		rec.Alone = true
	}
	if rec == nil {
		if err := s.await(ctx); err != nil {
			return nil, fmt.Errorf("roll back etcd member %s: nothing is kept of it: %w", a.Member.Name, err)
		}
		h.say("etcd member %s serves as %s already", a.Member.Name, a.Member.From.Bare())
		return nil, nil
	}
	r := &replacement{h: h, a: a.Member, ask: s.ask, run: s.run, keep: k, rec: rec}
	if !rec.Alone {
		if err := r.mayGoBack(ctx); err != nil {
			return nil, fmt.Errorf("roll back etcd member %s: %w", a.Member.Name, err)
		}
	}
	to, err := r.was()
	if err != nil {
		return nil, err
	}
	r.resumeBack(to)
	lost := ""
	var between func() error
	if rec.Alone {
		between = func() (err error) {
			lost, err = h.dataBack(ctx, a.Member, rec)
			return err
		}
	}
	if err := s.run.swap(ctx, to, between); err != nil {
		return nil, s.failed(ctx, err)
	}
	if err := s.await(ctx); err != nil {
		return nil, s.failed(ctx, err)
	}
	h.say("etcd member %s runs as %s again%s", a.Member.Name, a.Member.From.Bare(), lost)
	if err := h.kept(stoppedMember).clear(); err != nil {
		return nil, err
	}
	return nil, k.clear()
}
