package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// product is what is to be proven, run as users run it: as a plugin of kubectl.
type product struct {
	dir, state, kubectl, image string
}

func (p *product) agent() string   { return filepath.Join(p.dir, "host-agent") }
func (p *product) aptLock() string { return filepath.Join(p.dir, "aptlock") }

func (p *product) etcdMigrate() string { return filepath.Join(p.dir, "etcd-migrate") }

// call is one run of the product.
type call struct {
	kubeconfig string
	args       []string
	// home is set where the user's own is to be out of the way.
	home string
	// show passes everything through to the person who looks on.
	show bool
	// said, if set, is given every line of standard error as it comes.
	said func(line string)
}

func (c call) String() string { return "kubectl upgrade " + strings.Join(c.args, " ") }

// outcome is how a call ended.
type outcome struct {
	call           call
	code           int
	stdout, stderr string
	took           time.Duration
}

func (o outcome) String() string {
	return fmt.Sprintf("%s\nexit code %d after %s, standard error:\n%s", o.call, o.code, o.took.Round(100*time.Millisecond), tail(o.stderr, 60))
}

// report is the part of the product's JSON report that is judged here.
type report struct {
	ExitCode int    `json:"exitCode"`
	Result   string `json:"result"`
	Error    string `json:"error"`
	Took     length `json:"took"`
	Offered  map[string][]string
	Findings []struct {
		ID, Severity, Object, Message string
		Evidence                      []string
	} `json:"findings"`
	Nodes []struct {
		Name          string `json:"name"`
		Took          length `json:"took"`
		Unschedulable length `json:"unschedulable"`
	} `json:"nodes"`
	Steps []reportStep `json:"steps"`
	Probe *struct {
		Requests int    `json:"requests"`
		Failed   int    `json:"failed"`
		Longest  length `json:"longest"`
	} `json:"probe"`
}

type reportStep struct {
	ID      string    `json:"id"`
	Node    string    `json:"node"`
	State   string    `json:"state"`
	Started time.Time `json:"started"`
	Took    length    `json:"took"`
}

// length is a time in Go's words, such as "3m12s".
type length time.Duration

func (l *length) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*l = length(d)
	return err
}

func (o outcome) report() (*report, error) {
	var r report
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		return nil, fmt.Errorf("read the report of %s: %w", o.call, err)
	}
	return &r, nil
}

// process is a call that runs.
type process struct {
	call           call
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	began          time.Time
	// done is closed at the end; err is set then.
	done chan struct{}
	err  error
}

// start runs the product in a process group of its own, so that a signal reaches what a Ctrl-C reaches.
func (p *product) start(ctx context.Context, c call) (*process, error) {
	r := &process{call: c, began: time.Now(), done: make(chan struct{})}
	// The end of the context is left to wait, which asks the product to stop in good order.
	r.cmd = exec.CommandContext(context.WithoutCancel(ctx), p.kubectl, append([]string{"upgrade"}, c.args...)...)
	r.cmd.Env = append(os.Environ(), "PATH="+p.dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KUBECONFIG="+c.kubeconfig, "XDG_STATE_HOME="+p.state)
	if c.home != "" {
		r.cmd.Env = append(r.cmd.Env, "HOME="+c.home)
	}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if c.said != nil {
		r.cmd.Stderr = io.MultiWriter(&r.stderr, &byLine{say: c.said})
	}
	if c.show {
		r.cmd.Stdout, r.cmd.Stderr = os.Stdout, io.Writer(os.Stderr)
	} else {
		r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c, err)
	}
	go func() {
		defer close(r.done)
		r.err = r.cmd.Wait()
	}()
	return r, nil
}

// byLine cuts what is written into lines.
type byLine struct {
	say  func(string)
	rest []byte
}

func (b *byLine) Write(p []byte) (int, error) {
	b.rest = append(b.rest, p...)
	for {
		line, after, whole := bytes.Cut(b.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		b.say(string(line))
		b.rest = after
	}
}

func (r *process) signal(s syscall.Signal) error {
	if err := syscall.Kill(-r.cmd.Process.Pid, s); err != nil {
		return fmt.Errorf("send %v to %s: %w", s, r.call, err)
	}
	return nil
}

// patience is far beyond what any call takes: a call that hangs is ended and fails.
const patience = 60 * time.Minute

func (r *process) wait(ctx context.Context) (outcome, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		_ = r.signal(syscall.SIGINT)
		<-r.done
		return outcome{}, ctx.Err()
	case <-time.After(patience):
		_ = r.signal(syscall.SIGKILL)
		<-r.done
		return outcome{}, fmt.Errorf("%s did not end within %s; standard error:\n%s", r.call, patience, tail(r.stderr.String(), 60))
	}
	o := outcome{call: r.call, stdout: r.stdout.String(), stderr: r.stderr.String(), took: time.Since(r.began)}
	if exit, ok := errors.AsType[*exec.ExitError](r.err); ok {
		o.code = exit.ExitCode()
	} else if r.err != nil {
		return o, fmt.Errorf("run %s: %w", r.call, r.err)
	}
	return o, nil
}

// run runs the product to its end.
func (p *product) run(ctx context.Context, c call) (outcome, error) {
	r, err := p.start(ctx, c)
	if err != nil {
		return outcome{}, err
	}
	return r.wait(ctx)
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(all) > lines {
		all = append([]string{fmt.Sprintf("... (%d lines before)", len(all)-lines)}, all[len(all)-lines:]...)
	}
	return strings.Join(all, "\n")
}
