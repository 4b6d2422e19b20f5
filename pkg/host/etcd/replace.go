package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// defaultWait is how long a member may take to serve when nobody says.
const defaultWait = 5 * time.Minute

// replacement is one replacement of the local member.
type replacement struct {
	h     Host
	a     hostaction.EtcdReplace
	ask   *ask.Client
	run   runner
	keep  kept
	rec   *record
	alone bool
	gen   *generation
}

// Replace replaces the local member's program and settings. Where an earlier try was killed in, it goes on, or ends the way back.
func (h Host) Replace(ctx context.Context, a hostaction.EtcdReplace) (hostaction.EtcdReplaced, error) {
	var out hostaction.EtcdReplaced
	if a.Wait <= 0 {
		a.Wait = defaultWait
	}
	c, err := ask.New(a.Access)
	if err != nil {
		return out, err
	}
	run, end, err := h.runner(ctx, a)
	if err != nil {
		return out, err
	}
	defer end()
	r := &replacement{h: h, a: a, ask: c, run: run, keep: h.kept(a.Name)}
	if r.rec, err = r.keep.read(); err != nil {
		return out, err
	}
	if r.rec != nil && r.rec.Phase == back {
		h.say("an earlier try is on its way back: that is ended first")
		return out, r.goBack(ctx, nil)
	}
	if is, err := r.isDone(ctx); err != nil || is {
		return out, err
	}
	if err := r.prepare(ctx); err != nil {
		return out, err
	}
	down := measure(ctx, c, a.Access.Endpoints[0])
	err = r.forward(ctx)
	out.Down, out.Generation, out.Unit = down.end(), r.rec.Generation, run.unit()
	if err == nil {
		r.rec.Phase = done
		h.say("etcd member %s serves as %s; it did not answer for %s", a.Name, a.Version.Bare(), out.Down.Round(time.Millisecond))
		return out, errors.Join(r.keep.write(r.rec), prune(a.DataDir))
	}
	if ctx.Err() != nil {
		return out, fmt.Errorf("replace etcd member %s: %w (what was there before is kept in %s; the same again goes on)", a.Name, err, r.keep)
	}
	return out, r.goBack(ctx, err)
}

// isDone looks whether there is nothing to do.
func (r *replacement) isDone(ctx context.Context) (bool, error) {
	for _, f := range r.a.Files {
		if !changed(f) {
			return false, nil
		}
	}
	if r.a.Run != cluster.EtcdAsPod {
		program, err := r.h.tool().Program("etcd", r.a.Version)
		if err != nil {
			return false, err
		}
		want, err := disk.Sum(program)
		if err != nil {
			return false, err
		}
		if have, err := disk.Sum(r.a.Binary); err != nil || have != want {
			return false, nil //nolint:nilerr // it is installed then
		}
	}
	if err := r.h.serving(ctx, r.ask, r.a.Access.Endpoints, r.a.Version); err != nil {
		return false, nil //nolint:nilerr // it is made to
	}
	r.h.say("etcd member %s serves as %s already", r.a.Name, r.a.Version.Bare())
	if r.rec != nil && r.rec.Phase == forward {
		r.rec.Phase = done
		return true, r.keep.write(r.rec)
	}
	return true, nil
}

// prepare does everything that can be done while the member serves, and writes down what is kept. A member that does not serve is
// touched only where it was us who ended it.
func (r *replacement) prepare(ctx context.Context) error {
	all, err := r.ask.Cluster(ctx, r.a.Access.Endpoints)
	now, serr := r.ask.Status(ctx, r.a.Access.Endpoints[0])
	if serr != nil {
		if r.rec == nil || r.rec.Phase != forward || r.rec.Action.Version != r.a.Version {
			return fmt.Errorf("replace etcd member %s: it does not serve before anything was changed: %w", r.a.Name, serr)
		}
		r.h.say("an earlier try has ended etcd member %s: it goes on", r.a.Name)
		return r.resume()
	}
	if err != nil {
		return err
	}
	if now.Version != r.a.From && now.Version != r.a.Version {
		return fmt.Errorf("replace etcd member %s: it is of %s, and the plan says %s", r.a.Name, now.Version, r.a.From)
	}
	if r.rec != nil && r.rec.Phase == forward && r.rec.Action.Version == r.a.Version && r.begun() {
		r.h.say("an earlier try has begun to replace etcd member %s: it goes on", r.a.Name)
		return r.resume()
	}
	if err := checkFiles(r.a.Files); err != nil {
		return err
	}
	if err := guard(ctx, r.ask, all, r.a.Name); err != nil {
		return err
	}
	r.alone = all.Voters() == 1
	if err := r.write(ctx, now); err != nil {
		return err
	}
	// What was kept took its time.
	if all, err = r.ask.Cluster(ctx, r.a.Access.Endpoints); err != nil {
		return err
	}
	return guard(ctx, r.ask, all, r.a.Name)
}

// begun tells whether something was replaced already.
func (r *replacement) begun() bool {
	for i, f := range r.a.Files {
		if changed(f) {
			return true
		}
		// A manifest is away while the data are kept.
		if _, err := os.Stat(f.Path); errors.Is(err, fs.ErrNotExist) && i < len(r.rec.Files) && !r.rec.Files[i].Absent {
			return true
		}
	}
	if !r.rec.Program {
		return false
	}
	was, err := disk.Sum(r.keep.program())
	is, ierr := disk.Sum(r.a.Binary)
	return err == nil && ierr == nil && was != is
}

// resume takes over what an earlier try has noted.
func (r *replacement) resume() error {
	if p, ok := r.run.(*pod); ok {
		texts, err := r.keep.texts(r.rec.Files)
		if err != nil {
			return err
		}
		for _, t := range texts {
			p.before = t.text
		}
	}
	r.alone = r.rec.Alone
	if r.rec.Generation == 0 {
		return nil
	}
	r.gen = &generation{from: disk.Of(r.a.DataDir, r.a.WALDir), owner: r.a.Owner}
	r.gen.at(r.a.DataDir, r.rec.Generation)
	return nil
}

// write keeps files, program and, of a member that is alone, data, and the record of all that.
func (r *replacement) write(ctx context.Context, now ask.Answer) error {
	if err := r.keep.clear(); err != nil {
		return err
	}
	rec := &record{Phase: forward, Action: r.a, Alone: r.alone}
	var paths []string
	for _, f := range r.a.Files {
		paths = append(paths, f.Path)
	}
	var err error
	if rec.Files, err = r.keep.files(paths); err != nil {
		return err
	}
	if rec.Generations, err = generations(r.a.DataDir); err != nil {
		return err
	}
	if rec.Process, err = r.run.now(); err != nil {
		return err
	}
	if program := r.run.binary(); program != "" {
		if err := r.keepProgram(program); err != nil {
			return err
		}
		rec.Program = true
	}
	if r.alone && !migrates(r.a.Files) {
		if r.gen, err = newGeneration(r.a.DataDir, r.a.WALDir, r.a.Owner); err != nil {
			return err
		}
		r.h.say("etcd member %s is alone: its data are kept as generation %d", r.a.Name, r.gen.number)
		if err := r.gen.begin(ctx, r.h, r.a.Access, now.Version.Major >= 3); err != nil {
			return err
		}
		rec.Generation = r.gen.number
	}
	r.rec = rec
	return r.keep.write(rec)
}

func (r *replacement) keepProgram(path string) error {
	// The new one lies beside the old one for a moment.
	if err := disk.Room(filepath.Dir(path), 0); err != nil {
		return err
	}
	// Somebody may have installed another one since this one was started.
	p, ok, err := local.AtDataDir(r.a.DataDir)
	if err != nil {
		return err
	}
	if ok {
		path = fmt.Sprintf("/proc/%d/exe", p.PID)
	}
	return disk.Copy(path, r.keep.program())
}

// migrates tells whether etcd-migrate runs in the new pod before etcd does: it keeps the data itself.
func migrates(files []hostaction.FileChange) bool {
	for _, f := range files {
		pod, err := staticpod.Parse([]byte(f.After))
		if err != nil {
			continue
		}
		for _, c := range pod.Spec.InitContainers {
			command := strings.Join(append(c.Command, c.Args...), " ")
			// The image's own entry point is etcd-migrate, whose first word is a command of it.
			if strings.Contains(command, "etcd-migrate") || strings.HasPrefix(command, "migrate") || command == "" && strings.Contains(c.Image, "etcd-migrate") {
				return true
			}
		}
	}
	return false
}

// forward makes the member run as asked, and waits until it does.
func (r *replacement) forward(ctx context.Context) error {
	to := setting{process: r.rec.Process}
	for _, f := range r.a.Files {
		to.files = append(to.files, text{path: f.Path, text: []byte(f.After)})
	}
	if r.a.Run != cluster.EtcdAsPod {
		var err error
		if to.program, err = r.h.tool().Program("etcd", r.a.Version); err != nil {
			return err
		}
	}
	if p := r.rec.Process; p != nil {
		to.process = &keptProcess{Args: r.a.Args, Env: r.a.Env, Dir: p.Dir, Owner: p.Owner, Limit: p.Limit}
	}
	var between func() error
	if r.gen != nil {
		between = r.gen.finish
	}
	if err := r.run.swap(ctx, to, between); err != nil {
		return err
	}
	return r.h.await(ctx, r.run, r.ask, r.a.Access.Endpoints, r.a.Version, r.a.Wait)
}

// was is what the member ran by before.
func (r *replacement) was() (setting, error) {
	s := setting{process: r.rec.Process}
	var err error
	if s.files, err = r.keep.texts(r.rec.Files); err != nil {
		return s, err
	}
	if r.rec.Program {
		s.program = r.keep.program()
		if _, err := os.Stat(s.program); err != nil {
			return s, fmt.Errorf("find the program that was kept: %w", err)
		}
	}
	return s, nil
}
