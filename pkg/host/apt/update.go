package apt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// writeOnly writes the entries that serve Kubernetes packages, and nothing else, into a directory of their own:
// only they are fetched, so that any other mirror may be down.
func writeOnly(dir string, files map[string][]byte, sources []Source) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for f, b := range files {
		var entries []Source
		for _, s := range sources {
			if s.File == f {
				entries = append(entries, s)
			}
		}
		if len(entries) == 0 {
			continue
		}
		if err := file.Write(filepath.Join(dir, privateName(f)), Extract(b, entries), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Update fetches the lists of the Kubernetes sources into the view.
func (p *Private) Update(ctx context.Context) error {
	return p.update(ctx, viewUpdateConf)
}

// UpdateSystem fetches them into the host's own lists.
func (p *Private) UpdateSystem(ctx context.Context) error {
	if err := WaitUnlocked(ctx, p.log); err != nil {
		return err
	}
	return p.update(ctx, systemUpdateConf)
}

func (p *Private) update(ctx context.Context, conf string) error {
	out, err := proc.Logged(ctx, p.log, "apt-get", append(p.config(conf), "-q", "update")...)
	if err = classify(err, out); fault.Code(err) != "" || ctx.Err() != nil {
		return err
	}
	words := complaints(out)
	if err == nil && len(words) == 0 {
		return nil
	}
	if len(words) == 0 {
		words = []string{err.Error()}
	}
	return fault.New(hostaction.CodeRepositoryFailed, "fetch package lists: %s", strings.Join(words, "; "))
}

// complaints are apt's own words on what could not be fetched. Err: lines count even when apt exits 0, as it does before 2.1.9 without the error mode.
// What it has against a signature it says in a warning beside them, without which the error is only that the repository is not signed.
func complaints(out string) []string {
	var words, signatures []string
	for l := range strings.Lines(out) {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "Err:"), strings.HasPrefix(l, "E:"):
			words = append(words, l)
		case strings.HasPrefix(l, "W: GPG error:"), strings.HasPrefix(l, "W: OpenPGP signature verification failed:"): // the latter from apt 3 on
			signatures = append(signatures, l)
		}
	}
	if len(words) == 0 {
		return nil
	}
	return append(words, signatures...)
}

// has tells whether all these versions are known under the options.
func has(ctx context.Context, opts []string, versions map[string]string) (bool, error) {
	offered, err := offers(ctx, opts, versions)
	if err != nil {
		return false, err
	}
	for name, v := range versions {
		found := false
		for _, o := range offered[name] {
			found = found || o == v
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

func offers[V any](ctx context.Context, opts []string, names map[string]V) (map[string][]string, error) {
	args := append(append([]string{}, opts...), "madison")
	out, err := proc.Output(ctx, "apt-cache", append(args, order(names)...)...)
	if err != nil {
		return nil, err
	}
	return Madison(out), nil
}

// ensure makes sure that the view knows the versions, fetching its lists only when it does not.
func (p *Private) ensure(ctx context.Context, versions map[string]string) error {
	ok, err := has(ctx, p.options(), versions)
	if err != nil || ok {
		return err
	}
	fmt.Fprintln(p.log, "the package lists do not have these versions yet")
	return p.Update(ctx)
}
