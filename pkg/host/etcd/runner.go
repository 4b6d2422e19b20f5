package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const (
	// stopPatience is how long a member has to end in good order, as a service of systemd has by default.
	stopPatience = 90 * time.Second
	// look is how often a member that ends or comes up is looked at.
	look = 100 * time.Millisecond
	// lastLines is how much a failure shows of what a member has said.
	lastLines = 20
	// hopeless is how often a member may be started again by itself before it is given up.
	hopeless = 3
)

// setting is what a member is run by: what is to be, or what was.
type setting struct {
	files []text
	// program is the file to copy the program from, for what is no static pod; empty leaves the program as it is.
	program string
	// process is for a process without a service.
	process *keptProcess
}

// runner is the way in which a member is run.
type runner interface {
	// swap makes the setting the one that the member runs by, and starts it. between is done after the end of what ran before; it may be nil.
	swap(ctx context.Context, to setting, between func() error) error
	// stop ends the member and keeps it from being started.
	stop(ctx context.Context) error
	// now is what a process runs with, where that is not in files.
	now() (*keptProcess, error)
	// binary is the program that runs or would run; empty for a pod.
	binary() string
	// alive tells whether a process runs, whether it serves or not.
	alive(ctx context.Context) bool
	// gaveUp is an error when waiting for the member cannot help any more.
	gaveUp(ctx context.Context) error
	// said is what it wrote last, and how it ended, as an observation.
	said(ctx context.Context) string
	// unit is the transient unit that the member runs in; empty where it is none's.
	unit() string
}

func (h Host) runner(ctx context.Context, a hostaction.EtcdReplace) (runner, func(), error) {
	if a.Run == cluster.EtcdAsPod {
		r, err := h.newPod(a)
		return r, func() {}, err
	}
	sd, err := h.Services(ctx)
	if err != nil {
		return nil, nil, err
	}
	switch a.Run {
	case cluster.EtcdAsService:
		if a.Unit == "" || a.Binary == "" {
			sd.Close()
			return nil, nil, fmt.Errorf("replace etcd member %s: its unit and its program have to be named", a.Name)
		}
		return &service{h: h, sd: sd, name: a.Unit, program: a.Binary, dataDir: a.DataDir}, sd.Close, nil
	case cluster.EtcdAsProcess:
		return &process{h: h, sd: sd, member: a.Name, program: a.Binary, dataDir: a.DataDir}, sd.Close, nil
	case cluster.EtcdAsPod:
	}
	sd.Close()
	return nil, nil, fmt.Errorf("replace etcd member %s: no way to run it is called %q", a.Name, a.Run)
}

// install puts a program in the place of another, whole or not at all; one that runs goes on with the old one.
func install(from, to string) error {
	if from == "" || from == to {
		return nil
	}
	have, _ := disk.Sum(to) // what cannot be read is replaced
	want, err := disk.Sum(from)
	if err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	if have == want {
		return nil
	}
	next := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+".next")
	if err := disk.Copy(from, next); err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	return replaceProgram(next, to)
}

func writeAll(files []text) error {
	for _, f := range files {
		if err := f.write(); err != nil {
			return err
		}
	}
	return nil
}

// until polls without a word.
func until(ctx context.Context, limit time.Duration, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: it has not happened in %s", what, limit))
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		ok, err := so()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// replaceProgram gives a copy the mode and the owner of the program whose place it takes.
func replaceProgram(next, to string) error {
	defer os.Remove(next) // it is gone when all went well
	mode := fs.FileMode(0o755)
	uid, gid := 0, 0
	if info, err := os.Stat(to); err == nil {
		mode = info.Mode().Perm()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(s.Uid), int(s.Gid)
		}
	}
	if err := errors.Join(os.Chown(next, uid, gid), os.Chmod(next, mode)); err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	if err := os.Rename(next, to); err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	return file.SyncDir(filepath.Dir(to))
}
