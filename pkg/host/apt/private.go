package apt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const systemLists = "/var/lib/apt/lists"

// Private is a view of the package world as it will be once the sources are switched to a minor.
// It has its own sources and lists; the host's apt knows nothing of it.
type Private struct {
	Edits []hostaction.FileEdit
	// files are the source files with the edits made, sources the entries in them that serve Kubernetes packages.
	files   map[string][]byte
	sources []Source

	target version.Version
	// bundle, if not nil, is the only place that Kubernetes packages come from.
	bundle *bundle.Folder
	dir    string
	// status is a copy of dpkg's database without our holds.
	status string
	log    io.Writer
	unlock func()
}

// Sources finds the entries that make the host's apt fetch Kubernetes packages.
func Sources(ctx context.Context) (map[string][]byte, []Source, error) {
	files, err := Files()
	if err != nil {
		return nil, nil, err
	}
	policy, err := proc.Output(ctx, "apt-cache", "policy", cluster.PackageNames[0])
	if err != nil {
		return nil, nil, err
	}
	return files, Kubernetes(ParseAll(files), ServingURLs(policy)), nil
}

// Open prepares the view for a version's minor: with the host's sources switched to it or, where from is not nil, with a bundle in
// place of those that serve Kubernetes packages. Close releases it.
func Open(ctx context.Context, log io.Writer, work workdir.Dir, target version.Version, from *bundle.Folder) (*Private, error) {
	files, sources, err := Sources(ctx)
	if err != nil {
		return nil, err
	}
	p := &Private{target: target, bundle: from, log: log}
	if from == nil {
		err = p.switched(work, files, sources)
	} else {
		err = p.bundled(ctx, work, files, sources)
	}
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"etc", "only", "lists/partial"} {
		if err := os.MkdirAll(filepath.Join(p.dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("make private package lists: %w", err)
		}
	}
	// apt locks its lists too, but fails at once where we want to wait.
	p.unlock, err = file.Lock(ctx, filepath.Join(p.dir, "lock"), "package lists", func(string) {
		fmt.Fprintln(log, "waiting for another action that uses the package lists of", target.MinorString())
	})
	if err != nil {
		return nil, err
	}
	p.status, err = unheld(p.dir)
	if err := errors.Join(err, p.writeSources(), p.seedLists(), p.writeConfigs()); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// switched makes the view one of the host's own sources, with those that serve Kubernetes packages at the target's minor.
func (p *Private) switched(work workdir.Dir, files map[string][]byte, sources []Source) (err error) {
	if len(sources) == 0 {
		return fault.New(hostaction.CodePackageNotFound, "find kubeadm %s: no source in /etc/apt serves Kubernetes packages", p.target)
	}
	p.dir, p.Edits = work.Apt(p.target.MinorString()), Edits(files, sources, p.target.MinorString())
	if p.files, err = edited(files, p.Edits); err != nil {
		return err
	}
	p.sources = sameLines(p.files, sources)
	return nil
}

// Close lets the next action use the view.
func (p *Private) Close() { p.unlock() }

func edited(files map[string][]byte, edits []hostaction.FileEdit) (map[string][]byte, error) {
	out := map[string][]byte{}
	for f, b := range files {
		n, err := Apply(f, b, edits)
		if err != nil {
			return nil, err
		}
		out[f] = n
	}
	return out, nil
}

// sameLines finds the entries again after the edits, which keep every line in its place.
func sameLines(files map[string][]byte, before []Source) []Source {
	var out []Source
	for _, s := range ParseAll(files) {
		for _, b := range before {
			if s.File == b.File && s.line == b.line {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

func (p *Private) writeSources() error {
	etc := filepath.Join(p.dir, "etc")
	if err := os.RemoveAll(etc); err != nil {
		return err
	}
	if err := os.Mkdir(etc, 0o755); err != nil {
		return err
	}
	for f, b := range p.files {
		if err := file.Write(filepath.Join(etc, privateName(f)), b, 0o644); err != nil {
			return err
		}
	}
	return writeOnly(filepath.Join(p.dir, "only"), p.files, p.sources)
}

// seedLists shows the host's lists to the view, as links: dependencies outside of Kubernetes come from them, as old as the host has them.
func (p *Private) seedLists() error {
	lists := filepath.Join(p.dir, "lists")
	ours, err := os.ReadDir(lists)
	if err != nil {
		return err
	}
	for _, e := range ours {
		if e.Type()&fs.ModeSymlink != 0 {
			if err := os.Remove(filepath.Join(lists, e.Name())); err != nil {
				return err
			}
		}
	}
	theirs, err := os.ReadDir(systemLists)
	if err != nil {
		return err
	}
	for _, e := range theirs {
		if e.IsDir() || e.Name() == "lock" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		err := os.Symlink(filepath.Join(systemLists, e.Name()), filepath.Join(lists, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
