package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// source is the state of the sources that a release is made of.
type source struct {
	commit string
	// time is when the commit was made, in seconds since 1970.
	time int64
}

// fromGit asks for the last commit that changed more than the manifest: the manifest has the sums of what is built, so that the
// commit which brings them must not change what is built.
func fromGit(ctx context.Context) (source, error) {
	var s source
	out, err := git(ctx, "log", "-1", "--format=%H %ct", "--", ".", ":(top,exclude)plugins.yaml")
	if err != nil {
		return s, err
	}
	if _, err := fmt.Sscan(out, &s.commit, &s.time); err != nil {
		return s, fmt.Errorf("read last commit: %w (name one with --commit and --time)", err)
	}
	changed, err := git(ctx, "status", "--porcelain", "--", ".", ":(top,exclude)plugins.yaml")
	if err == nil && changed != "" {
		fmt.Fprintln(os.Stderr, "dist: there are changes that are not committed: what is built is no release")
		s.commit += "-dirty"
	}
	return s, err
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(e.Stderr)))
		}
		return "", fmt.Errorf("run git %s: %w (or name --commit and --time)", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
