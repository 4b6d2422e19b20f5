// Package hops finds the way from one minor release of etcd to another, through patch releases that are safe to pass.
package hops

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Minor gives "3.5" for "3.5", "v3.5.1" and "3.5.1".
func Minor(s string) (string, error) { return knowledge.EtcdMinor(s) }

// Compare orders minors.
func Compare(a, b string) int { return index(a) - index(b) }

// Next is the minor after one, empty after the newest.
func Next(minor string) string { return neighbour(minor, 1) }

// Previous is the minor before one, empty before the oldest.
func Previous(minor string) string { return neighbour(minor, -1) }

func index(minor string) int { return slices.Index(knowledge.EtcdMinors(), minor) }

func neighbour(minor string, by int) string {
	minors, n := knowledge.EtcdMinors(), index(minor)
	if n < 0 || n+by < 0 || n+by >= len(minors) {
		return ""
	}
	return minors[n+by]
}

// Between lists the minors after from, up to to.
func Between(from, to string) []string {
	i, j := index(from), index(to)
	if i < 0 || j <= i {
		return nil
	}
	return knowledge.EtcdMinors()[i+1 : j+1]
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
		return "", "", fmt.Errorf("%w: %s in %s: put a file etcd-%s.PATCH there, or name another folder with --bin-dir", ErrMissing, minor, b.dir, minor)
	}
	if err := knowledge.Unfit(have, knowledge.Run, knowledge.BeforeNext); err != nil {
		return "", "", fmt.Errorf("%w that is fit: %w", ErrMissing, err)
	}
	return filepath.Join(b.dir, "etcd-"+have.Bare()), have.Bare(), nil
}
