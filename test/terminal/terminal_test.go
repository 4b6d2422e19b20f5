//go:build realterminal

// Package terminal shows a run that was recorded on a real cluster in a real terminal, and looks at the screen.
package terminal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/tmux"
)

// recording is an upgrade of the lab's basic cluster, as "--events json" gave it.
const recording = "testdata/basic.jsonl"

// replayer builds the program that replays, once for all tests.
func replayer(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "replay")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./replay").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func recorded(t *testing.T) event.Tree {
	t.Helper()
	f, err := os.Open(recording)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		e, err := event.Decode(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := e.(event.RunStarted); ok {
			return s.Tree
		}
	}
	t.Fatalf("%s has no run: %v", recording, lines.Err())
	return event.Tree{}
}

func phases(tree event.Tree) []string {
	var out []string
	for _, p := range tree.Phases {
		out = append(out, p.Title)
	}
	return out
}

func open(t *testing.T, width, height int) *tmux.Terminal {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	term, err := tmux.Start(t.Context(), width, height, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := term.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return term
}

// prompt tells whether the shell waits for a command.
func prompt(screen []string) bool {
	return len(screen) > 0 && slices.Contains([]string{"$", "#"}, screen[len(screen)-1])
}

// inOrder proves that a person can go on with the terminal: a prompt, what is typed is seen, and lines are edited as before.
func inOrder(t *testing.T, term *tmux.Terminal) {
	t.Helper()
	ctx := t.Context()
	if err := term.Type(ctx, "clear; stty -a; echo still here"); err != nil {
		t.Fatal(err)
	}
	err := term.Until(ctx, 10*time.Second, "the shell", func(screen []string) (bool, error) {
		if !slices.Contains(screen, "still here") || !prompt(screen) {
			return false, nil
		}
		text := strings.Join(screen, " ")
		for _, off := range []string{" -echo ", " -icanon ", " -isig ", " -opost "} {
			if strings.Contains(text, off) {
				return false, fmt.Errorf("the terminal was left with%s", off)
			}
		}
		return true, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestUpgradeOnScreens shows the whole upgrade in windows of several sizes, one of which changes all the time. It never gets lower than the
// picture: what a window pushes out of its top cannot be reached any more.
func TestUpgradeOnScreens(t *testing.T) {
	program, tree := replayer(t), recorded(t)
	for name, size := range map[string]struct {
		width, height int
		sizes         [][2]int
	}{
		"80x24":   {80, 24, nil},
		"200x50":  {200, 50, nil},
		"40x8":    {40, 8, nil},
		"resized": {80, 24, [][2]int{{120, 24}, {80, 24}, {90, 40}, {200, 50}, {100, 50}, {80, 20}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := open(t, size.width, size.height)
			ctx := t.Context()
			if err := term.Type(ctx, fmt.Sprintf("clear; %s --speed 40 %s; echo it ended with $?", program, recording)); err != nil {
				t.Fatal(err)
			}
			seen, looks := map[string]bool{}, 0
			err := term.Until(ctx, 3*time.Minute, "the end of the upgrade", func(screen []string) (bool, error) {
				looks++
				if n := len(size.sizes); n > 0 && looks%8 == 0 {
					s := size.sizes[looks/8%n]
					return false, term.Resize(ctx, s[0], s[1])
				}
				for _, l := range screen {
					for _, mark := range []string{"waiting for", "about", "drain", "/"} {
						seen[mark] = seen[mark] || strings.Contains(l, mark)
					}
				}
				if err := tmux.Picture(screen, tree.Title, phases(tree)); err != nil {
					return false, err
				}
				return slices.Contains(screen, "it ended with 0"), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if looks < 20 {
				t.Errorf("the screen was looked at %d times only", looks)
			}
			for _, mark := range []string{"waiting for", "drain", "/"} {
				if !seen[mark] && name != "40x8" {
					t.Errorf("%q was never on the screen", mark)
				}
			}
			history, err := term.History(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := tmux.Picture(history, tree.Title, phases(tree)); err != nil {
				t.Error("in what has scrolled by: ", err)
			}
			if i := slices.IndexFunc(history, func(l string) bool { return strings.HasPrefix(l, tree.Title) && strings.Contains(l, "done in") }); i < 0 {
				t.Errorf("the end is not told:\n%s", strings.Join(history, "\n"))
			}
			inOrder(t, term)
		})
	}
}

// TestInterruptedInTheMiddle presses Ctrl-C while the picture is drawn. The program that replays dies of it, as the plugin does at the third one.
func TestInterruptedInTheMiddle(t *testing.T) {
	program, tree := replayer(t), recorded(t)
	term := open(t, 80, 24)
	ctx := t.Context()
	if err := term.Type(ctx, fmt.Sprintf("clear; %s --speed 40 %s; echo it ended with $?", program, recording)); err != nil {
		t.Fatal(err)
	}
	if err := term.Until(ctx, time.Minute, "a drain", func(screen []string) (bool, error) {
		return slices.ContainsFunc(screen, func(l string) bool { return strings.HasPrefix(l, tree.Title) }) && len(screen) > 6, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := term.Key(ctx, "C-c"); err != nil {
		t.Fatal(err)
	}
	if err := term.Until(ctx, 10*time.Second, "the prompt", func(screen []string) (bool, error) {
		return prompt(screen), tmux.Picture(screen, tree.Title, phases(tree))
	}); err != nil {
		t.Fatal(err)
	}
	inOrder(t, term)
}

// TestSuspended presses Ctrl-Z while the picture is drawn, works with the shell, and has the run go on in the foreground.
func TestSuspended(t *testing.T) {
	program, tree := replayer(t), recorded(t)
	term := open(t, 80, 24)
	ctx := t.Context()
	if err := term.Type(ctx, fmt.Sprintf("clear; %s --speed 40 %s; echo it ended with $?", program, recording)); err != nil {
		t.Fatal(err)
	}
	if err := term.Until(ctx, time.Minute, "the picture", func(screen []string) (bool, error) {
		return slices.ContainsFunc(screen, func(l string) bool { return strings.HasPrefix(l, tree.Title) }) && len(screen) > 6, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := term.Key(ctx, "C-z"); err != nil {
		t.Fatal(err)
	}
	if err := term.Until(ctx, 10*time.Second, "the prompt", func(screen []string) (bool, error) { return prompt(screen), nil }); err != nil {
		t.Fatal(err)
	}
	inOrder(t, term)
	if err := term.Type(ctx, "clear; fg; echo then it ended with $?"); err != nil {
		t.Fatal(err)
	}
	if err := term.Until(ctx, 3*time.Minute, "the end of the upgrade", func(screen []string) (bool, error) {
		return slices.Contains(screen, "then it ended with 0"), tmux.Picture(screen, tree.Title, phases(tree))
	}); err != nil {
		t.Fatal(err)
	}
	inOrder(t, term)
}

// TestWithoutATerminal wants plain lines, and no escape sequence in them.
func TestWithoutATerminal(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), replayer(t), "--speed", "2000", recording)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.ContainsAny(string(out), "\x1b\r") {
		t.Errorf("escape sequences without a terminal:\n%q", out)
	}
	for _, want := range []string{": started\n", ": done in ", "waiting for "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}
