package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/tmux"
)

// terminal upgrades a cluster as a person does: in a terminal, whose window changes its size, with a yes that is typed. The picture has to
// stand on the screen whole at every look; the stream of events has to tell the same, and a report has to be there at the end.
func terminal(ctx context.Context, e *env) error {
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	events, page := filepath.Join(e.work, "events.jsonl"), filepath.Join(e.work, "report.html")
	kept := filepath.Join(e.work, "report.json")
	began := time.Now()
	e.check("an upgrade in a terminal", func() error { return e.inTerminal(ctx, events, page, kept) })
	e.figure("terminal_upgrade_seconds", int(time.Since(began).Seconds()), "s")
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	e.check("every version is new", func() error { return e.upgraded(ctx) })
	e.check("holds are exactly as before", func() error { return sameHolds(before, after) })
	e.check("nothing of ours is left", after.clean)
	e.check("the stream tells the whole upgrade", func() error { return wholeStream(events) })
	e.check("the report has every node and a timeline", func() error { return e.wholePage(page) })
	return nil
}

// windows are the sizes that the window takes, one after the other. In a window of less than 80 columns, the terminal may break lines
// before the program can know of it.
var windows = [][2]int{{80, 24}, {200, 50}, {120, 30}, {80, 20}, {100, 40}}

func (e *env) inTerminal(ctx context.Context, events, page, kept string) error {
	term, err := tmux.Start(ctx, windows[0][0], windows[0][1], e.work, "PATH="+e.product.dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KUBECONFIG="+e.lab.info.Kubeconfig, "XDG_STATE_HOME="+e.product.state)
	if err != nil {
		return err
	}
	defer func() {
		if err := term.Close(ctx); err != nil {
			fmt.Println("#", err)
		}
	}()
	c := e.upgradeCall("cluster", "--to", e.target(), "--kubeadm-ignore-preflight-errors=SystemVerification", "--events=json", "--report="+page, "--report="+kept)
	command := fmt.Sprintf("clear; %s upgrade %s >%s; echo it ended with $?", e.product.kubectl, strings.Join(c.args, " "), events)
	if err := term.Type(ctx, command); err != nil {
		return err
	}
	if err := term.Until(ctx, 10*time.Minute, "the question", func(screen []string) (bool, error) {
		if err := ended(screen); err != nil {
			return false, err
		}
		// It may be longer than a line.
		return strings.HasSuffix(strings.Join(screen, ""), "[y/N]"), nil
	}); err != nil {
		return err
	}
	if err := term.Type(ctx, "y"); err != nil {
		return err
	}
	title := fmt.Sprintf("Upgrade %s to %s", e.lab.info.Kubernetes, e.target())
	looks, seen := 0, map[string]int{}
	err = term.Until(ctx, 30*time.Minute, "the end of the upgrade", func(screen []string) (bool, error) {
		looks++
		if looks%150 == 0 {
			w := windows[looks/150%len(windows)]
			return false, term.Resize(ctx, w[0], w[1])
		}
		for _, mark := range []string{"drain", "waiting for", "✓", "1/"} {
			if slices.ContainsFunc(screen, func(l string) bool { return strings.Contains(l, mark) }) {
				seen[mark]++
			}
		}
		if err := tmux.Picture(screen, title, []string{"Finish", "Fetch packages and images", "Control plane to " + e.target()}); err != nil {
			return false, err
		}
		return slices.Contains(screen, "it ended with 0"), ended(screen)
	})
	if err != nil {
		return err
	}
	for _, mark := range []string{"drain", "waiting for", "✓", "1/"} {
		if seen[mark] == 0 {
			err = errors.Join(err, fmt.Errorf("%q was never on the screen in %d looks", mark, looks))
		}
	}
	return errors.Join(err, e.usable(ctx, term))
}

// ended tells of an end that is none.
func ended(screen []string) error {
	for _, l := range screen {
		if strings.HasPrefix(l, "it ended with ") && l != "it ended with 0" {
			return fmt.Errorf("%s:\n%s", l, strings.Join(screen, "\n"))
		}
	}
	return nil
}

// usable wants a prompt, and that what is typed is seen.
func (e *env) usable(ctx context.Context, term *tmux.Terminal) error {
	if err := term.Type(ctx, "clear; echo still here"); err != nil {
		return err
	}
	return term.Until(ctx, 10*time.Second, "the shell", func(screen []string) (bool, error) { return slices.Contains(screen, "still here"), nil })
}

// wholeStream wants that every step of the tree has begun and ended, and the version and the result at the ends.
func wholeStream(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var types []string
	begun, finished := map[string]bool{}, map[string]bool{}
	var tree event.Tree
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var doc struct {
			Type   string
			Result struct{ ExitCode *int }
		}
		if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
			return fmt.Errorf("read %q: %w", lines.Text(), err)
		}
		types = append(types, doc.Type)
		if doc.Type == "result" && (doc.Result.ExitCode == nil || *doc.Result.ExitCode != 0) {
			return fmt.Errorf("the result is %s", lines.Text())
		}
		e, err := event.Decode(lines.Bytes())
		if err != nil {
			return err
		}
		switch e := e.(type) {
		case event.RunStarted:
			tree = e.Tree
		case event.StepStarted:
			begun[e.ID] = true
		case event.StepFinished:
			finished[e.ID] = e.State == event.Done || e.State == event.Already
		}
	}
	if n := len(types); n == 0 || types[0] != "stream" || types[n-1] != "result" || !slices.Contains(types, "plan") || !slices.Contains(types, "run-finished") {
		return fmt.Errorf("the stream has these types: %s", strings.Join(slices.Compact(types), ", "))
	}
	steps := 0
	for _, p := range tree.Phases {
		for _, g := range p.Groups {
			for _, s := range g.Steps {
				steps++
				if !begun[s.ID] || !finished[s.ID] {
					err = errors.Join(err, fmt.Errorf("step %s: begun %t, finished %t", s.ID, begun[s.ID], finished[s.ID]))
				}
			}
		}
	}
	if steps == 0 {
		return errors.New("the stream has no steps")
	}
	return err
}

func (e *env) wholePage(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	want := []string{"<svg", `class="c-drain"`, `class="c-cordoned"`, "What changed on each node", "How to go on, or back", "longest gap"}
	for _, n := range e.lab.info.nodes() {
		want = append(want, "<td>"+n+"</td>")
	}
	for _, w := range want {
		if !bytes.Contains(text, []byte(w)) {
			err = errors.Join(err, fmt.Errorf("the page does not have %q", w))
		}
	}
	return err
}
