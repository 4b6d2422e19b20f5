package tool

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Releases are those of which the program of the server lies beside etcd-migrate, in order.
func (t Tool) Releases() []version.Version {
	paths, err := filepath.Glob(filepath.Join(t.Dir, "etcd-[0-9]*"))
	if err != nil {
		return nil // the pattern is well formed
	}
	var out []version.Version
	for _, p := range paths {
		if v, err := version.Parse(strings.TrimPrefix(filepath.Base(p), "etcd-")); err == nil {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, version.Version.Compare)
	return out
}
