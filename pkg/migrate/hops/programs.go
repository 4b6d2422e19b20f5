package hops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Programs lists the files of a folder that belong to the versions: etcd-3.5.35, etcdctl-3.5.35 and, from 3.5 on,
// etcdutl-3.5.35. A minor such as 3.5 stands for its newest patch that is there; no versions stand for all of these.
func Programs(dir string, versions []string) ([]string, error) {
	b, err := Find(dir)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		for _, m := range knowledge.EtcdMinors() {
			if v := b.versions[m]; !v.IsZero() {
				versions = append(versions, v.Bare())
			}
		}
		if len(versions) == 0 {
			return nil, fmt.Errorf("%w: %s has none", ErrMissing, dir)
		}
	}
	var names []string
	for _, asked := range versions {
		full, err := b.full(asked)
		if err != nil {
			return nil, err
		}
		for _, program := range []string{"etcd", "etcdctl", "etcdutl"} {
			name := program + "-" + full
			info, err := os.Stat(filepath.Join(dir, name))
			switch {
			case err == nil && info.Mode().IsRegular():
				names = append(names, name)
			case program == "etcd":
				return nil, fmt.Errorf("%w: %s in %s", ErrMissing, full, dir)
			case err != nil && !os.IsNotExist(err):
				return nil, fmt.Errorf("look for %s: %w", name, err)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// full is the version that is meant by a minor or by itself.
func (b *Binaries) full(asked string) (string, error) {
	if v, err := version.Parse(asked); err == nil {
		return v.Bare(), nil
	}
	m, err := Minor(asked)
	if err != nil {
		return "", err
	}
	v := b.versions[m]
	if v.IsZero() {
		return "", fmt.Errorf("%w: %s in %s", ErrMissing, m, b.dir)
	}
	return v.Bare(), nil
}
