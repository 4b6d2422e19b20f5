package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

type bench struct {
	program, bin, kubernetes string
	dir                      string
	keys, runs, megabytes    int
	figures                  []figure
	origin                   string // 2.3.8's directory, once it is there
}

type figure struct {
	name  string
	value float64
	unit  string
}

func (b *bench) figure(name string, value float64, unit string) {
	b.figures = append(b.figures, figure{name, value, unit})
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// used is what one run took.
type used struct {
	seconds float64
	// megabytes is the most memory that the process, or one that it started, had at once, as the kernel counted.
	megabytes float64
	out       []byte
}

// measure runs a program to its end, with nothing left to be written to disk from before.
func measure(ctx context.Context, env []string, args ...string) (used, error) {
	unix.Sync()
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), &out, &talk
	began := time.Now()
	err := cmd.Run()
	u := used{seconds: time.Since(began).Seconds(), out: out.Bytes()}
	if err != nil {
		text := append(talk.Bytes(), out.Bytes()...)
		return u, fmt.Errorf("%s: %w\n%s", filepath.Base(args[0]), err, text[max(0, len(text)-2000):])
	}
	u.megabytes = float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
	say("  %-16s %7.2f s %6.0f MB", filepath.Base(args[0]), u.seconds, u.megabytes)
	return u, nil
}

// copied is a fresh copy of a directory, on disk.
func (b *bench) copied(from string) (string, error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "data"), tree.Copy(from, filepath.Join(dir, "data"))
}

func (b *bench) remove(dirs ...string) {
	for _, d := range dirs {
		_ = os.RemoveAll(filepath.Dir(d)) // all of it goes at the end
	}
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2]
}

func of(all []used, get func(used) float64) float64 {
	values := make([]float64, 0, len(all))
	for _, u := range all {
		values = append(values, get(u))
	}
	return median(values)
}

func seconds(all []used) float64 { return of(all, func(u used) float64 { return u.seconds }) }

func megabytes(all []used) float64 { return of(all, func(u used) float64 { return u.megabytes }) }

// hash is that of a directory's keys, values and revisions.
func (b *bench) hash(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, b.program, "inspect", "--data-dir", dir, "-o", "json").Output()
	if err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	var i struct {
		Database struct {
			Keys int    `json:"keys"`
			Hash string `json:"hash"`
		} `json:"database"`
	}
	if err := json.Unmarshal(out, &i); err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	return fmt.Sprintf("%d keys, %s", i.Database.Keys, i.Database.Hash), nil
}

// same makes sure that both have done the same work.
func (b *bench) same(ctx context.Context, ours, theirs string) error {
	a, err := b.hash(ctx, ours)
	if err != nil {
		return err
	}
	c, err := b.hash(ctx, theirs)
	if err == nil && a != c {
		err = fmt.Errorf("ours has %s, theirs %s", a, c)
	}
	return err
}
