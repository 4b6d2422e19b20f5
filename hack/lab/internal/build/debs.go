package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/debs"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/gobuild"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// debs builds the five packages that a minor's repository holds for one version.
func (b *builder) debs(ctx context.Context, version string) ([]string, error) {
	pinned, err := b.pins.For(topology.Minor(version))
	if err != nil {
		return nil, err
	}
	bin, err := b.kubernetes(ctx, version)
	if err != nil {
		return nil, err
	}
	cni, err := b.commands(ctx, gobuild.CNIPlugins(pinned.KubernetesCNI))
	if err != nil {
		return nil, err
	}
	plugins, err := names(cni)
	if err != nil {
		return nil, err
	}
	crictl, err := gobuild.Crictl(ctx, b.cache, b.parts, "v"+pinned.CRITools, b.logFile("parts"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range append(debs.Kubernetes(version, bin), debs.KubernetesCNI(version, pinned.KubernetesCNI, cni, plugins), debs.CRITools(version, pinned.CRITools, crictl)) {
		path, err := debs.Build(ctx, b.cache, p, b.logFile("debs"))
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	return out, nil
}

func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", filepath.Base(dir), err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, nil
}
