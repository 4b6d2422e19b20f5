package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Stop ends the local member and keeps it from being started. How it ran, and which data were kept before, is written down.
func (h Host) Stop(ctx context.Context, a hostaction.EtcdStop) (any, error) {
	member := hostaction.EtcdReplace{Run: a.Run, Unit: a.Unit, Binary: a.Binary, DataDir: a.DataDir}
	run, end, err := h.runner(ctx, member)
	if err != nil {
		return nil, err
	}
	defer end()
	k := h.kept(stoppedMember)
	rec, err := k.read()
	if err != nil {
		return nil, err
	}
	if err := h.noteStop(ctx, k, rec, member, run); err != nil {
		return nil, err
	}
	if rec, err = k.read(); err != nil {
		return nil, err
	}
	if err := before(run, k, rec); err != nil {
		return nil, err
	}
	if err := run.stop(ctx); err != nil {
		return nil, err
	}
	h.say("etcd on %s has ended, and is not started again", a.DataDir)
	return nil, nil
}

// noteStop writes down how the member runs, unless a stop that was cut short has.
func (h Host) noteStop(ctx context.Context, k kept, rec *record, member hostaction.EtcdReplace, run runner) error {
	var paths []string
	if member.Run == cluster.EtcdAsPod {
		_, err := os.Stat(staticpod.Etcd)
		if errors.Is(err, fs.ErrNotExist) {
			if rec == nil {
				return fmt.Errorf("stop etcd: there is no %s", staticpod.Etcd)
			}
			return nil
		}
		paths = []string{staticpod.Etcd}
	}
	now, err := run.now()
	if err != nil {
		return err
	}
	// What runs now counts, also where a stop of long ago was never followed by a start.
	if rec != nil && member.Run != cluster.EtcdAsPod && !run.alive(ctx) {
		return nil
	}
	if err := k.clear(); err != nil {
		return err
	}
	rec = &record{Phase: forward, Action: member, Process: now, Stopped: time.Now().UnixNano()}
	if rec.Files, err = k.files(paths); err != nil {
		return err
	}
	if rec.Generations, err = generations(member.DataDir); err != nil {
		return err
	}
	return k.write(rec)
}

// before tells a pod's runner what its manifest was, where it is away.
func before(run runner, k kept, rec *record) error {
	p, ok := run.(*pod)
	if !ok {
		return nil
	}
	texts, err := k.texts(rec.Files)
	if err != nil {
		return err
	}
	for _, t := range texts {
		p.before = t.text
	}
	return nil
}
