package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
)

// Down removes a cluster: containers, volumes, network, state. It goes by labels, so it also clears what a killed
// bring-up left, and touches nothing else.
func Down(ctx context.Context, root, name string, log *progress.Log) error {
	if name == "" || name != filepath.Base(name) {
		return fmt.Errorf("take down cluster: %q is no name", name)
	}
	removals := []struct {
		kind string
		args []string
	}{
		{"container", []string{"rm", "--force", "--volumes"}},
		{"volume", []string{"volume", "rm", "--force"}},
		{"network", []string{"network", "rm"}},
	}
	var errs []error
	for _, r := range removals {
		ids, err := docker.Labelled(ctx, r.kind, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(ids) == 0 {
			continue
		}
		if _, err := docker.Output(ctx, append(r.args, ids...)...); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("take down cluster %s: %w", name, err)
	}
	if err := dropMemory(filepath.Join(root, name)); err != nil {
		return fmt.Errorf("take down cluster %s: %w", name, err)
	}
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		return fmt.Errorf("remove state of %s: %w", name, err)
	}
	log.Say("cluster %s is gone", name)
	return nil
}

// Names lists the clusters of which anything is left, by state or by label.
func Names(ctx context.Context, root string) ([]string, error) {
	names, err := List(root)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = true
	}
	out, err := docker.Labels(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range out {
		if !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names, nil
}
