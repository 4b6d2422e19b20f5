// Package server runs one release of etcd on a directory, on loopback, until it has become what is waited for.
package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/loopback"
)

// Options say what to run and on what.
type Options struct {
	Binary  string
	Version string // 3.5.35
	DataDir string
	// Name and ClientURLs are published to the cluster at the start: they have to be those that it knows already.
	Name       string
	ClientURLs []string
	// ForceNewCluster starts one member of several alone, on a copy that nobody keeps.
	ForceNewCluster bool
	Extra           []string
	Log             io.Writer
}

// Server is a running etcd.
type Server struct {
	Endpoint string

	opts Options
	tail *tail
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts it. It ends with this process, however that ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	free, err := loopback.Free(ctx, 2)
	if err != nil {
		return nil, err
	}
	client, peer := free[0], free[1]
	s := &Server{Endpoint: "http://" + client, opts: o, tail: &tail{}, done: make(chan struct{})}
	s.cmd = exec.Command(o.Binary, s.args("http://"+client, "http://"+peer)...) //nolint:noctx // Stop ends it in good order; a context would kill it
	var out io.Writer = s.tail
	if o.Log != nil {
		out = io.MultiWriter(s.tail, o.Log)
	}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.Env = environment()
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that started it: https://github.com/golang/go/issues/27505.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.err = s.cmd.Wait()
			close(s.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(o.Binary), err)
	}
	return s, nil
}

// environment is ours without what etcd would take for its flags: a wrong one stops 3.6, and the right ones are given.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ETCD") && !strings.HasPrefix(e, "ETCDCTL") {
			env = append(env, e)
		}
	}
	return append(env, "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH)
}

func (s *Server) args(client, peer string) []string {
	o := s.opts
	advertise := client
	if len(o.ClientURLs) > 0 {
		advertise = strings.Join(o.ClientURLs, ",")
	}
	args := []string{"--name", o.Name, "--data-dir", o.DataDir, "--listen-client-urls", client, "--advertise-client-urls", advertise,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", o.Name + "=" + peer,
		// Alone, it elects itself, after one to two of these times (ms); by default that is most of its start.
		"--heartbeat-interval", "10", "--election-timeout", "100"}
	if minorOf(o.Version) >= 300 {
		// The data may be larger than the default allows, and the alarm would stay in it.
		args = append(args, "--quota-backend-bytes", "-1")
	}
	if minorOf(o.Version) >= 305 {
		// It is a copy that is thrown away after a crash, and that is synced as a whole before it takes the original's place.
		args = append(args, "--unsafe-no-fsync")
	}
	if o.ForceNewCluster {
		args = append(args, "--force-new-cluster")
	}
	return append(args, o.Extra...)
}

// minorOf gives 305 for 3.5.35.
func minorOf(version string) int {
	var major, minor int
	if n, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || n != 2 {
		return 0
	}
	return major*100 + minor
}

// versions is what a server says at /version. 2.x says no cluster version before it has one, and only 3.6 and newer
// know a storage version.
type versions struct {
	Server  string `json:"etcdserver"`
	Cluster string `json:"etcdcluster"`
	Storage string `json:"storage"`
}

// ErrExited is returned when the server ends while it is waited for.
var ErrExited = errors.New("etcd ended by itself")

// Await waits until server, cluster and, from 3.6 on, storage have the release's version. That the cluster has it means
// that the log was applied and there is a leader: the version is written through it.
func (s *Server) Await(ctx context.Context) error {
	want := minorOf(s.opts.Version)
	err := s.until(ctx, "wait for etcd "+s.opts.Version, func(v versions) bool {
		return minorOf(v.Server) == want && minorOf(v.Cluster) == want && (want < 306 || minorOf(v.Storage) == want)
	})
	if err != nil || want < 300 {
		return err
	}
	return s.answer(ctx)
}

// until waits for the server to say the versions that are waited for.
func (s *Server) until(ctx context.Context, what string, reached func(versions) bool) error {
	var seen versions
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if v, err := s.versions(ctx); err == nil {
			if seen = v; reached(v) {
				return nil
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s: %w: %v\n%s", what, ErrExited, s.err, s.tail)
		case <-ctx.Done():
			return fmt.Errorf("%s: cluster version is %q, storage version %q: %w\n%s", what, seen.Cluster, seen.Storage, context.Cause(ctx), s.tail)
		case <-tick.C:
		}
	}
}

func (s *Server) versions(ctx context.Context) (versions, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var v versions
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/version", http.NoBody)
	if err != nil {
		return v, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	return v, json.NewDecoder(resp.Body).Decode(&v)
}

// Stop lets the server end in good order, so that everything applied is in its database.
func (s *Server) Stop(ctx context.Context) error {
	select {
	case <-s.done:
		return fmt.Errorf("stop etcd %s: %w: %v\n%s", s.opts.Version, ErrExited, s.err, s.tail)
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop etcd %s: %w", s.opts.Version, err)
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		s.Kill()
		return fmt.Errorf("stop etcd %s: %w", s.opts.Version, context.Cause(ctx))
	}
	// etcd raises the signal again at its end, so being ended by it is the good end.
	var exit *exec.ExitError
	if s.err == nil || errors.As(s.err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
		return nil
	}
	return fmt.Errorf("stop etcd %s: %w\n%s", s.opts.Version, s.err, s.tail)
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Kill ends the server at once and waits for it.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.done
}

// tail keeps the end of what a server has said.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if extra := t.buf.Len() - tailSize; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}
