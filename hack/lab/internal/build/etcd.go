package build

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/gobuild"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// etcdReleases makes the programs of the etcd that the topology names: those of hack/etcd, which has but to look where they are
// built, all at once.
func (b *builder) etcdReleases(ctx context.Context, t *topology.Topology) error {
	var named []string
	for _, v := range append(slices.Clone(t.Etcd.Images), t.Etcd.Version) {
		if v != "" && gobuild.EtcdIsPinned(b.parts, v) {
			named = append(named, v)
		}
	}
	if err := b.pinnedEtcd(ctx, named); err != nil {
		return err
	}
	if !t.Etcd.External() {
		return nil
	}
	var err error
	b.assets.Etcd, err = b.etcd(ctx, t.Etcd.Version)
	return err
}

// pinnedEtcd has hack/etcd make the programs of releases that it has not been asked for yet.
func (b *builder) pinnedEtcd(ctx context.Context, versions []string) error {
	versions = slices.DeleteFunc(slices.Clone(versions), func(v string) bool { return b.pinnedPrograms[v] != nil })
	if len(versions) == 0 {
		return nil
	}
	b.log.Say("etcd %s", strings.Join(versions, ", "))
	dir, err := gobuild.PinnedEtcd(ctx, b.parts, versions, b.logFile("etcd-pinned"))
	if err != nil {
		return err
	}
	for _, v := range versions {
		b.pinnedPrograms[v] = gobuild.PinnedEtcdPrograms(dir, v)
	}
	return nil
}

// etcd gives the programs of a release of etcd by name: those of hack/etcd where it has the release.
func (b *builder) etcd(ctx context.Context, version string) (map[string]string, error) {
	if gobuild.EtcdIsPinned(b.parts, version) {
		err := b.pinnedEtcd(ctx, []string{version})
		return b.pinnedPrograms[version], err
	}
	log := b.logFile("etcd-v" + version)
	var dir string
	var err error
	if old, ok := b.pins.EtcdBeforeModules[version]; ok {
		dir, err = gobuild.EtcdBeforeModules(ctx, b.cache, b.parts, version, old, log)
	} else {
		dir, err = b.commands(ctx, gobuild.Etcd(version, b.pins.EtcdToolsVersion(version)))
	}
	if err != nil {
		return nil, err
	}
	return gobuild.EtcdPrograms(dir), nil
}

// etcdVersion is the version in an image's tag: 3.5.24 in 3.5.24-0.
func etcdVersion(tag string) string {
	version, _, _ := strings.Cut(tag, "-")
	return version
}

// oldEtcd says that an image of etcd is one of those of old, whose liveness probe runs a shell.
func oldEtcd(tag string) bool { return semver.Compare("v"+etcdVersion(tag), "v3.4.0") < 0 }
