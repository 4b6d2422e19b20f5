package main

import (
	"context"
	"fmt"
	"slices"
)

// inputRows are what the user types, on a cluster that is well.
func inputRows(e *env) []row {
	return []row{
		{name: "target missing", args: []string{"cluster"}, code: 1, words: []string{"--to"}},
		{name: "target unparsable", args: []string{"cluster", "--to", "banana", "--yes"}, code: 1, words: []string{"--to", "banana"}},
		{name: "flag unknown", args: []string{"cluster", "--to", e.target(), "--fast"}, code: 1, words: []string{"--fast"}},
		{name: "output format unknown", args: []string{"cluster", "--to", e.target(), "-o", "xml"}, code: 1, words: []string{"--output", "xml"}},
		{name: "target older", args: []string{"cluster", "--to", "v1.33.1", "--yes"}, code: 2, words: []string{"v1.33.1", e.lab.info.Kubernetes, "newer"}},
		{name: "target of which there is no repository", args: []string{"cluster", "--to", "v1.35.0", "--yes"}, code: 2, words: []string{"repository", "1.35"}},
		{name: "no way to the target", args: []string{"cluster", "--to", "v1.36.0", "--yes"}, code: 2, words: []string{"v1.36.0", e.lab.info.Kubernetes, "leads through 1.35"}},
		{name: "via a release that is not on the way", args: []string{"cluster", "--to", e.target(), "--via", "v1.32.1", "--yes"}, code: 2, words: []string{"--via", "v1.32.1", "not on the way"}},
		{name: "via unparsable", args: []string{"cluster", "--to", e.target(), "--via", "newest"}, code: 1, words: []string{"--via", "newest"}},
		{name: "nobody may be unavailable", args: []string{"cluster", "--to", e.target(), "--max-unavailable", "0"}, code: 1, words: []string{"--max-unavailable", "\"0\""}},
		{name: "pause at a place that is none", args: []string{"cluster", "--to", e.target(), "--pause-after", "lunch"}, code: 1, words: []string{"--pause-after", "lunch", "first-worker"}},
		{name: "selector of no worker", args: []string{"cluster", "--to", e.target(), "--selector", "pool=none", "--yes"}, code: 2, words: []string{"pool=none", "no worker"}},
		{name: "target equal", args: []string{"cluster", "--to", e.lab.info.Kubernetes, "--yes", "-o", "json"}, code: 0, and: saysNothingToDo},
		{name: "plan only looks", args: []string{"plan", "-o", "json"}, code: 0, and: offers},
		{name: "no terminal to confirm on", args: []string{"cluster", "--to", e.target()}, code: 4, words: []string{"not a terminal", "--yes"}},
	}
}

func saysNothingToDo(_ context.Context, _ *env, o outcome) error {
	r, err := o.report()
	if err != nil {
		return err
	}
	if r.Result != "nothing to do" || r.ExitCode != 0 {
		return fmt.Errorf("the report says %q and exit code %d, want %q and 0", r.Result, r.ExitCode, "nothing to do")
	}
	return nil
}

func offers(_ context.Context, e *env, o outcome) error {
	r, err := o.report()
	if err != nil {
		return err
	}
	for _, versions := range r.Offered {
		if slices.Contains(versions, e.target()[1:]+"-1.1") {
			return nil
		}
	}
	return fmt.Errorf("the report offers %v, want %s among them", r.Offered, e.target())
}
