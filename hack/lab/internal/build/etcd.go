package build

import (
	"context"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/gobuild"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// etcd gives the programs of a release of etcd by name: those of hack/etcd where it has the release.
func (b *builder) etcd(ctx context.Context, version string) (map[string]string, error) {
	log := b.logFile("etcd-v" + version)
	if gobuild.EtcdIsPinned(b.parts, version) {
		b.log.Say("etcd %s", version)
		return gobuild.PinnedEtcd(ctx, b.parts, version, log)
	}
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

// externalEtcd makes the programs of an etcd that kubeadm does not run.
func (b *builder) externalEtcd(ctx context.Context, t *topology.Topology) error {
	if !t.Etcd.External() {
		return nil
	}
	var err error
	b.assets.Etcd, err = b.etcd(ctx, t.Etcd.Version)
	return err
}

// etcdVersion is the version in an image's tag: 3.5.24 in 3.5.24-0.
func etcdVersion(tag string) string {
	version, _, _ := strings.Cut(tag, "-")
	return version
}

// oldEtcd says that an image of etcd is one of those of old, whose liveness probe runs a shell.
func oldEtcd(tag string) bool { return semver.Compare("v"+etcdVersion(tag), "v3.4.0") < 0 }
