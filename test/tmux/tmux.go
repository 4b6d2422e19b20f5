// Package tmux drives a real terminal: a program runs in it, keys are typed, and the screen is read as a person sees it.
package tmux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Terminal is a tmux server of its own, with one window.
type Terminal struct {
	dir, socket   string
	Width, Height int
}

// Start opens a window of a size with a plain shell in it. Variables are NAME=VALUE, on top of a clean environment for a terminal.
func Start(ctx context.Context, width, height int, dir string, variables ...string) (*Terminal, error) {
	own, err := os.MkdirTemp("", "tmux")
	if err != nil {
		return nil, fmt.Errorf("make folder of the terminal: %w", err)
	}
	t := &Terminal{dir: own, socket: filepath.Join(own, "socket"), Width: width, Height: height}
	config := filepath.Join(own, "config")
	// No line for the status: the size is that of the program. Escape is not waited for. Colours are those that most terminals have.
	if err := os.WriteFile(config, []byte("set -g status off\nset -g default-terminal screen-256color\nset -g escape-time 0\nset -g history-limit 5000\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("configure terminal: %w", err), t.Close(ctx))
	}
	args := []string{"-f", config, "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "-c", dir,
		// What tmux itself is told by -e, a start file of the user's shell may change again.
		"env", "LANG=C.UTF-8", "ENV=", "CI="}
	args = append(args, variables...)
	if _, err := t.tmux(ctx, append(args, "sh")...); err != nil {
		return nil, errors.Join(err, t.Close(ctx))
	}
	return t, nil
}

func (t *Terminal) tmux(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-S", t.socket}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8")
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, strings.TrimSpace(errOut.String()))
	}
	return out.String(), nil
}

// Type types text as it is, and then Enter.
func (t *Terminal) Type(ctx context.Context, text string) error {
	if _, err := t.tmux(ctx, "send-keys", "-l", text); err != nil {
		return err
	}
	return t.Key(ctx, "Enter")
}

// Key presses a key by tmux's name for it, such as C-c.
func (t *Terminal) Key(ctx context.Context, name string) error {
	_, err := t.tmux(ctx, "send-keys", name)
	return err
}

// Resize makes the window another size.
func (t *Terminal) Resize(ctx context.Context, width, height int) error {
	if _, err := t.tmux(ctx, "resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height)); err != nil {
		return err
	}
	t.Width, t.Height = width, height
	return nil
}

// Screen is what stands in the window now, a line each, without the empty ones at its end.
func (t *Terminal) Screen(ctx context.Context) ([]string, error) {
	out, err := t.tmux(ctx, "capture-pane", "-p")
	return lines(out), err
}

// History is everything that was written, what has scrolled away included.
func (t *Terminal) History(ctx context.Context) ([]string, error) {
	out, err := t.tmux(ctx, "capture-pane", "-p", "-S", "-")
	return lines(out), err
}

func lines(text string) []string {
	text = strings.TrimRight(text, "\n ")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Until looks at the screen until it is as wanted.
func (t *Terminal) Until(ctx context.Context, within time.Duration, what string, ok func(screen []string) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last []string
	for {
		screen, err := t.Screen(ctx)
		if err == nil {
			last = screen
			var done bool
			if done, err = ok(screen); done && err == nil {
				return nil
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: not within %s; the screen shows:\n%s", what, within, strings.Join(last, "\n"))
		case <-tick.C:
		}
	}
}

// Close ends the server, and what runs in its window, even where the context has ended.
func (t *Terminal) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := t.tmux(ctx, "kill-server")
	if _, gone := os.Stat(t.socket); gone != nil {
		err = nil // it never came up
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}
