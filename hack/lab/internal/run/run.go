// Package run starts other programs and keeps what they said.
package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Cmd is one program to run.
type Cmd struct {
	Args  []string
	Dir   string
	Env   []string // added to the environment of the lab
	Stdin io.Reader
	Log   string // a file that gets stdout and stderr as well
}

const tailLines = 20

// Output runs c and returns its stdout. A failure carries the last lines it said and the log's path.
func Output(ctx context.Context, c Cmd) (string, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Stdin = c.Dir, c.Stdin
	cmd.Env = append(os.Environ(), c.Env...)
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, &all), &all
	if c.Log != "" {
		f, err := openLog(c.Log)
		if err != nil {
			return "", err
		}
		defer f.Close()
		fmt.Fprintf(f, "$ %s\n", strings.Join(c.Args, " "))
		// One writer for both streams: exec then shares a single pipe and the lines keep their order.
		cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, &all, f), io.MultiWriter(&all, f)
	}
	if err := cmd.Run(); err != nil {
		where := ""
		if c.Log != "" {
			where = "\n  log: " + c.Log
		}
		return out.String(), fmt.Errorf("run %s: %w\n%s%s", brief(c.Args), err, Tail(all.String(), tailLines), where)
	}
	return out.String(), nil
}

// Do runs c for its effect.
func Do(ctx context.Context, c Cmd) error {
	_, err := Output(ctx, c)
	return err
}

func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create log folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

func brief(args []string) string {
	s := strings.Join(args, " ")
	if len(s) > 160 {
		s = s[:160] + "..."
	}
	return s
}

// Tail keeps the last n lines, each indented.
func Tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return "    " + strings.Join(lines, "\n    ")
}
