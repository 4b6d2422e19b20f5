// Package hops finds the way from one minor release of etcd to another, through patch releases that are safe to pass.
package hops

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// minors are all that were ever released, in order; etcd is upgraded from each to the next.
var minors = []string{"2.3", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7"}

// safe are the first patch releases that may work on data, and why.
var safe = map[string]struct {
	patch int
	why   string
}{
	"2.3": {0, ""},
	"3.0": {17, "earlier ones migrated v2 data wrongly, https://github.com/etcd-io/etcd/pull/6794"},
	"3.1": {0, ""},
	"3.2": {10, "earlier ones corrupt the list of free pages, https://github.com/etcd-io/etcd/issues/8813"},
	"3.3": {21, "earlier ones can lose the index that they have applied, https://github.com/etcd-io/etcd/pull/11652"},
	"3.4": {8, "earlier ones can lose the index that they have applied, https://github.com/etcd-io/etcd/pull/11652"},
	"3.5": {26, "earlier ones leave members in the database that are gone, https://github.com/etcd-io/etcd/issues/20967"},
	"3.6": {11, "3.7 asks for this one at least; earlier ones can corrupt data, https://github.com/etcd-io/etcd/issues/20650"},
	"3.7": {0, ""},
}

// Minor gives "3.5" for "3.5", "v3.5.1" and "3.5.1".
func Minor(s string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(s, "v"), ".")
	if len(parts) < 2 {
		return "", fmt.Errorf("parse etcd version %q: want 3.5 or 3.5.26", s)
	}
	m := parts[0] + "." + parts[1]
	if !slices.Contains(minors, m) {
		return "", fmt.Errorf("etcd %s is not known: known are %s", m, strings.Join(minors, ", "))
	}
	return m, nil
}

// Compare orders minors.
func Compare(a, b string) int { return slices.Index(minors, a) - slices.Index(minors, b) }

// Next is the minor after one, empty after the newest.
func Next(minor string) string { return neighbour(minor, 1) }

// Previous is the minor before one, empty before the oldest.
func Previous(minor string) string { return neighbour(minor, -1) }

func neighbour(minor string, by int) string {
	n := slices.Index(minors, minor)
	if n < 0 || n+by < 0 || n+by >= len(minors) {
		return ""
	}
	return minors[n+by]
}

// Between lists the minors after from, up to to.
func Between(from, to string) []string {
	i, j := slices.Index(minors, from), slices.Index(minors, to)
	if i < 0 || j <= i {
		return nil
	}
	return slices.Clone(minors[i+1 : j+1])
}

// Binaries are the servers that are at hand.
type Binaries struct {
	dir      string
	versions map[string]version.Version
}

// ErrMissing is returned for a release that is not at hand.
var ErrMissing = errors.New("no such etcd at hand")

// Find looks for files such as etcd-3.5.35. The newest patch of each minor counts.
func Find(dir string) (*Binaries, error) {
	names, err := filepath.Glob(filepath.Join(dir, "etcd-*"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	b := &Binaries{dir: dir, versions: map[string]version.Version{}}
	for _, path := range names {
		v, err := version.Parse(strings.TrimPrefix(filepath.Base(path), "etcd-"))
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || info.IsDir() {
			continue
		}
		if m := v.MinorString(); b.versions[m].IsZero() || b.versions[m].Compare(v) < 0 {
			b.versions[m] = v
		}
	}
	return b, nil
}

// Get returns path and version of a minor's server.
func (b *Binaries) Get(minor string) (path, v string, err error) {
	have := b.versions[minor]
	if have.IsZero() {
		return "", "", fmt.Errorf("%w: %s in %s", ErrMissing, minor, b.dir)
	}
	if s := safe[minor]; have.Patch < s.patch {
		return "", "", fmt.Errorf("%w: %s is older than %s.%d; %s", ErrMissing, have.Bare(), minor, s.patch, s.why)
	}
	return filepath.Join(b.dir, "etcd-"+have.Bare()), have.Bare(), nil
}
