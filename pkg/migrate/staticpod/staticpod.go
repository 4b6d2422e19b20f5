// Package staticpod takes a member of etcd from the kubelet that runs it, and gives it back. It needs nothing but the host's files, for it is of use where
// no API server answers.
package staticpod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// look is how often a process that ends is looked at.
const look = 100 * time.Millisecond

// Pod is a member that a kubelet runs by a manifest.
type Pod struct {
	manifest.EtcdPod
	path, aside string
	command     []string
	// Proc is where the kernel tells of processes.
	Proc string
}

// Read reads a manifest. One that Stop has put aside, in a process that was killed then, counts as if it were in place.
func Read(path string) (*Pod, error) {
	// The kubelet takes no notice of files whose names begin with a dot, and a rename within the folder is done or not.
	// https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/config/file.go
	p := &Pod{path: path, aside: filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".stopped"), Proc: "/proc"}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if aside, asideErr := os.ReadFile(p.aside); asideErr == nil {
			text, err = aside, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read static pod: %w", err)
	}
	if p.EtcdPod, err = manifest.ReadEtcdPod(text); err != nil {
		return nil, fmt.Errorf("read static pod %s: %w", path, err)
	}
	if p.command, err = manifest.EtcdCommand(text); err != nil {
		return nil, fmt.Errorf("read static pod %s: %w", path, err)
	}
	return p, nil
}

// Stop puts the manifest aside and waits until nothing runs by it.
func (p *Pod) Stop(ctx context.Context) error {
	if _, err := os.Stat(p.path); err == nil {
		if err := p.move(p.path, p.aside); err != nil {
			return fmt.Errorf("stop etcd: %w", err)
		}
	}
	return p.Ended(ctx)
}

// Ended waits until nothing runs by the manifest.
func (p *Pod) Ended(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		pid, err := p.runs()
		if err != nil || pid == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop etcd: process %s still runs by %s: %w: does the kubelet run, which has to end it?", pid, p.path, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Start puts the manifest back. The kubelet does the rest.
func (p *Pod) Start() error {
	if _, err := os.Stat(p.aside); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := p.move(p.aside, p.path); err != nil {
		return fmt.Errorf("start etcd: %w; its manifest is %s", err, p.aside)
	}
	return nil
}

func (p *Pod) move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return tree.SyncFile(filepath.Dir(to))
}

// runs gives the number of a process that runs the manifest's very command line; empty when there is none.
func (p *Pod) runs() (string, error) {
	found, err := filepath.Glob(filepath.Join(p.Proc, "[0-9]*", "cmdline"))
	if err != nil {
		return "", err
	}
	for _, path := range found {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var words []string
		for w := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte{0}), []byte{0}) {
			words = append(words, string(w))
		}
		if slices.Equal(words, p.command) {
			return filepath.Base(filepath.Dir(path)), nil
		}
	}
	return "", nil
}
