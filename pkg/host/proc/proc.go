// Package proc runs the host's own programs: directly, never by a shell, with an environment in which nothing asks questions.
package proc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long a program may take to stop after SIGTERM; dpkg finishes the package that it is at.
const grace = time.Minute

// lastLines is how much of the output an error carries.
const lastLines = 8

// environment answers or silences whatever asks during a package operation. needrestart and apt-listchanges
// would otherwise wait for a terminal or restart services on their own.
func environment() []string {
	return append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
		"NEEDRESTART_SUSPEND=1", "APT_LISTCHANGES_FRONTEND=none")
}

// Run runs a program; the command line and every line of its output go to log.
func Run(ctx context.Context, log io.Writer, name string, args ...string) error {
	_, err := Logged(ctx, log, name, args...)
	return err
}

// Logged is Run that gives the output back too.
func Logged(ctx context.Context, log io.Writer, name string, args ...string) (string, error) {
	return logged(ctx, log, func(*os.Process) {}, name, args...)
}

// Watched is Run that tells of the process as soon as it has been started.
func Watched(ctx context.Context, log io.Writer, started func(*os.Process), name string, args ...string) error {
	_, err := logged(ctx, log, started, name, args...)
	return err
}

func logged(ctx context.Context, log io.Writer, started func(*os.Process), name string, args ...string) (string, error) {
	fmt.Fprintf(log, "$ %s\n", strings.Join(append([]string{name}, args...), " "))
	var all bytes.Buffer
	cmd := command(ctx, name, args...)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w // the same value, so that exec serialises the writes of both
	done := make(chan error, 1)
	go func() { done <- copyLines(io.MultiWriter(log, &all), r) }()
	err := cmd.Start()
	if err == nil {
		started(cmd.Process)
		err = cmd.Wait()
	}
	w.Close()
	if cerr := <-done; err == nil && cerr != nil {
		err = fmt.Errorf("write log: %w", cerr)
	}
	return all.String(), explain(ctx, err, cmd, all.String())
}

// Output runs a query and gives its standard output; nothing is logged.
func Output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := command(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return string(out), explain(ctx, err, cmd, stderr.String())
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environment()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// copyLines writes whole lines only, each in one write, and ends progress lines (carriage return) as lines too.
func copyLines(w io.Writer, r io.Reader) error {
	var failed error
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" || err == nil {
			if i := strings.LastIndexByte(line, '\r'); i >= 0 {
				line = line[i+1:]
			}
			if _, werr := io.WriteString(w, line+"\n"); werr != nil {
				failed = werr // keep reading: the program must not block on a full pipe
			}
		}
		if err != nil {
			return failed
		}
	}
}

// Error is a program that failed.
type Error struct {
	Command string
	// Code is the exit status, or -1 when a signal ended it.
	Code   int
	Status string
	// Last are the last lines of what it wrote.
	Last []string
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("run %s: %s", e.Command, e.Status)
	if len(e.Last) > 0 {
		s += ": " + strings.Join(e.Last, "; ")
	}
	return s
}

func explain(ctx context.Context, err error, cmd *exec.Cmd, out string) error {
	if err == nil {
		return nil
	}
	line := strings.Join(cmd.Args, " ")
	if ctx.Err() != nil {
		err := fmt.Errorf("run %s: %w", line, context.Cause(ctx))
		if last := Last(out, lastLines); len(last) > 0 {
			err = fmt.Errorf("%w; it said last: %s", err, strings.Join(last, "; "))
		}
		return err
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &Error{Command: line, Code: exit.ExitCode(), Status: exit.ProcessState.String(), Last: Last(out, lastLines)}
	}
	return fmt.Errorf("run %s: %w", line, err)
}

// Last gives the last n lines that are not blank, trimmed.
func Last(out string, n int) []string {
	var lines []string
	for l := range strings.Lines(out) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines[max(0, len(lines)-n):]
}
