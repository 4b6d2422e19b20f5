package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// start is one start of the local member.
type start struct {
	h       Host
	a       hostaction.EtcdReplace
	alone   bool
	ask     *ask.Client
	run     runner
	stopped *record
	place   kept
}

// Start starts what Stop has ended, and keeps what is replaced on the way.
func (h Host) Start(ctx context.Context, a hostaction.EtcdStart) (any, error) {
	s, end, err := h.newStart(ctx, a.Member, a.Alone)
	if err != nil {
		return nil, err
	}
	defer end()
	if s.stopped == nil {
		if err := s.await(ctx); err != nil {
			return nil, fmt.Errorf("start etcd member %s: nobody has stopped it: %w", a.Member.Name, err)
		}
		return nil, nil
	}
	rec, err := s.note()
	if err != nil {
		return nil, err
	}
	to, err := s.setting(rec)
	if err != nil {
		return nil, err
	}
	if err := s.run.swap(ctx, to, nil); err != nil {
		return nil, s.failed(ctx, err)
	}
	if err := s.await(ctx); err != nil {
		return nil, s.failed(ctx, err)
	}
	rec.Phase = done
	if err := h.kept(a.Member.Name).write(rec); err != nil {
		return nil, err
	}
	return nil, h.kept(stoppedMember).clear()
}

func (h Host) newStart(ctx context.Context, a hostaction.EtcdReplace, alone bool) (*start, func(), error) {
	if a.Wait <= 0 {
		a.Wait = defaultWait
	}
	c, err := ask.New(a.Access)
	if err != nil {
		return nil, nil, err
	}
	s := &start{h: h, a: a, alone: alone, ask: c, place: h.kept(stoppedMember)}
	if s.stopped, err = s.place.read(); err != nil {
		return nil, nil, err
	}
	var end func()
	if s.run, end, err = h.runner(ctx, a); err != nil {
		return nil, nil, err
	}
	if svc, ok := s.run.(*service); ok {
		svc.alone = alone
	}
	if s.stopped != nil {
		err = before(s.run, s.place, s.stopped)
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return s, end, nil
}

func (s *start) await(ctx context.Context) error {
	if s.alone {
		return s.h.awaitAlone(ctx, s.run, s.ask, s.a.Access.Endpoints, s.a.Version, s.a.Wait)
	}
	return s.h.await(ctx, s.run, s.ask, s.a.Access.Endpoints, s.a.Version, s.a.Wait)
}

func (s *start) failed(ctx context.Context, cause error) error {
	return fmt.Errorf("start etcd member %s: %w\n%s\nwhat it ran by before is kept in %s", s.a.Name, cause, s.run.said(context.WithoutCancel(ctx)), s.h.kept(s.a.Name))
}

// note keeps program and files as they were at the stop, once for each stop.
func (s *start) note() (*record, error) {
	k := s.h.kept(s.a.Name)
	rec, err := k.read()
	if err != nil {
		return nil, err
	}
	if rec != nil && rec.Stopped == s.stopped.Stopped {
		return rec, nil
	}
	// It was stopped once more in the middle of the same: what is kept is what ran before all of it.
	if rec != nil && rec.Alone && s.a.From != s.a.Version && rec.Action.From == s.a.From && rec.Action.Version == s.a.Version {
		rec.Stopped = s.stopped.Stopped
		return rec, k.write(rec)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := k.clear(); err != nil {
		return nil, err
	}
	rec = &record{Phase: forward, Action: s.a, Alone: true, Stopped: s.stopped.Stopped, Process: s.stopped.Process, Generations: s.stopped.Generations}
	var paths []string
	for _, f := range s.a.Files {
		paths = append(paths, f.Path)
	}
	if s.a.Run == cluster.EtcdAsPod {
		// It is away: the stop has kept it.
		if err := os.CopyFS(k.path("files"), os.DirFS(s.place.path("files"))); err != nil {
			return nil, fmt.Errorf("keep etcd's manifest: %w", err)
		}
		rec.Files = s.stopped.Files
	} else if rec.Files, err = k.files(paths); err != nil {
		return nil, err
	}
	if program := s.run.binary(); program != "" {
		r := replacement{keep: k, a: s.a}
		if err := r.keepProgram(program); err != nil {
			return nil, err
		}
		rec.Program = true
	}
	return rec, k.write(rec)
}

// check is checkFiles where the manifest of a static pod is away.
func (s *start) check() error {
	if s.a.Run != cluster.EtcdAsPod {
		return checkFiles(s.a.Files)
	}
	texts, err := s.place.texts(s.stopped.Files)
	if err != nil {
		return err
	}
	for _, f := range s.a.Files {
		i := slices.IndexFunc(texts, func(t text) bool { return t.path == f.Path })
		if i < 0 {
			return fmt.Errorf("change %s: it was not there when etcd was stopped", f.Path)
		}
		sum := sha256.Sum256(texts[i].text)
		if have := hex.EncodeToString(sum[:]); have != f.Before && string(texts[i].text) != f.After {
			return fmt.Errorf("change %s: somebody has changed it since the plan was made (its SHA-256 is %s, and was %s)", f.Path, have, f.Before)
		}
	}
	return nil
}

// setting is what it is started with.
func (s *start) setting(rec *record) (setting, error) {
	var to setting
	for _, f := range s.a.Files {
		to.files = append(to.files, text{path: f.Path, text: []byte(f.After)})
	}
	if s.a.Run == cluster.EtcdAsPod {
		if len(to.files) == 0 {
			var err error
			if to.files, err = s.place.texts(s.stopped.Files); err != nil {
				return to, err
			}
		}
		if !slices.ContainsFunc(to.files, func(t text) bool { return t.path == staticpod.Etcd && !t.absent }) {
			return to, fmt.Errorf("start etcd member %s: its manifest is nowhere", s.a.Name)
		}
		return to, nil
	}
	if s.a.Version != s.a.From {
		var err error
		if to.program, err = s.h.tool().Program("etcd", s.a.Version); err != nil {
			return to, err
		}
	}
	p := s.stopped.Process
	if p == nil { // it did not run any more when it was stopped
		p = rec.Process
	}
	if p != nil {
		to.process = &keptProcess{Args: s.a.Args, Env: s.a.Env, Dir: p.Dir, Owner: p.Owner, Limit: p.Limit}
	}
	return to, nil
}
