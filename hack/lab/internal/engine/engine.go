// Package engine finds a Docker engine or starts one.
package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/hosttools"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
)

// Engine is the folder in which an engine of our own leaves its pid, log and data.
type Engine struct{ dir string }

// In names the folder below the state folder.
func In(state string) Engine { return Engine{filepath.Join(state, ".engine")} }

func (e Engine) pidFile() string { return filepath.Join(e.dir, "dockerd.pid") }
func (e Engine) logFile() string { return filepath.Join(e.dir, "dockerd.log") }
func (e Engine) dataDir() string { return filepath.Join(e.dir, "data") }

// Ensure returns when an engine answers.
func (e Engine) Ensure(ctx context.Context, log *progress.Log) error {
	if answers(ctx) {
		return nil
	}
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return fmt.Errorf("reach docker engine: nothing answers at DOCKER_HOST=%s", host)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("start docker engine: none answers, and only root can start one")
	}
	log.Say("no docker engine answers, starting one")
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return fmt.Errorf("create engine folder: %w", err)
	}
	need := hosttools.Engine
	if _, err := exec.LookPath("docker"); err != nil {
		// docker.io carries the client as well
		need = append([]string{"dockerd"}, need...)
	}
	if err := hosttools.Ensure(ctx, need, filepath.Join(e.dir, "apt.log")); err != nil {
		return err
	}
	// Installing the package may have started it.
	if answers(ctx) {
		return nil
	}
	return e.start(ctx, log)
}

func (e Engine) start(ctx context.Context, log *progress.Log) error {
	if err := dropStale(map[string]string{e.pidFile(): "dockerd", "/run/docker/containerd/containerd.pid": "containerd"}); err != nil {
		return err
	}
	f, err := os.OpenFile(e.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open engine log: %w", err)
	}
	defer f.Close()
	// The engine writes and removes its pid file itself. It stays when the lab ends.
	cmd := exec.Command("dockerd", "--data-root", e.dataDir(), "--pidfile", e.pidFile())
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			said, _ := os.ReadFile(e.logFile())
			return fmt.Errorf("start dockerd: it ended: %v\n%s\n  log: %s", err, run.Tail(string(said), 10), e.logFile())
		case <-tick.C:
			if answers(ctx) {
				log.Say("docker engine runs, its log is %s", e.logFile())
				return nil
			}
		}
	}
}

func answers(ctx context.Context) bool {
	if _, err := exec.LookPath("docker"); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := docker.Output(ctx, "version", "--format", "{{.Server.Version}}")
	return err == nil
}

// dropStale removes pid files of programs that were killed: dockerd takes any process that has the pid now for the old
// one, and then refuses to start, or waits for a containerd that is none.
func dropStale(programs map[string]string) error {
	for file, program := range programs {
		pid, err := readPID(file)
		if os.IsNotExist(err) || err == nil && runs(pid, program) {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("remove stale pid file: %w", err)
		}
	}
	return nil
}

func readPID(file string) (int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// runs tells whether a process is the program: a pid may have been given to another one since.
func runs(pid int, program string) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(name)) == program
}

// Stop ends the engine if it is one that the lab started, and removes its data.
func (e Engine) Stop(ctx context.Context, log *progress.Log) error {
	pid, err := readPID(e.pidFile())
	if os.IsNotExist(err) {
		log.Say("the lab started no docker engine, none is stopped")
		return nil
	}
	if err != nil {
		return fmt.Errorf("read engine pid: %w", err)
	}
	if runs(pid, "dockerd") {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop dockerd: %w", err)
		}
		if err := waitGone(ctx, pid); err != nil {
			return err
		}
	}
	log.Say("docker engine stopped")
	// dockerd mounts this folder on itself, and leaves that behind when it does not end in peace.
	if err := syscall.Unmount(e.dataDir(), syscall.MNT_DETACH); err != nil && err != syscall.EINVAL && err != syscall.ENOENT {
		return fmt.Errorf("unmount %s: %w", e.dataDir(), err)
	}
	if err := os.RemoveAll(e.dir); err != nil {
		return fmt.Errorf("remove engine folder: %w", err)
	}
	return nil
}

func waitGone(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); os.IsNotExist(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop dockerd: pid %d is still there: %w", pid, ctx.Err())
		case <-tick.C:
		}
	}
}
