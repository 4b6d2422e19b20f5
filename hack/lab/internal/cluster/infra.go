package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/images"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// infra starts the container that stands in for the public repositories and registries. It works on the cluster's own
// copies, so that what a test pushes or breaks stays within the cluster.
func (s *State) infra(ctx context.Context, a *build.Assets) error {
	log := s.logFile("infra")
	image, err := infraImage(ctx, a, log)
	if err != nil {
		return err
	}
	if err := images.Seed(a.Cache, filepath.Join(s.dir, "registry")); err != nil {
		return err
	}
	for path, repo := range a.Repos {
		if err := linkTree(repo, filepath.Join(s.dir, "pkgs", path)); err != nil {
			return err
		}
	}
	return docker.Do(ctx, log, "run", "-d", "--name", s.Infra.Container, "--hostname", "infra", "--label", docker.Label+"="+s.Name, "--network", s.Name, "--ip", s.Infra.IP,
		"--publish", fmt.Sprintf("127.0.0.1:%d:5000", s.RegistryPort),
		"--mount", "type=bind,source="+filepath.Join(s.dir, "registry")+",target=/var/lib/registry",
		"--mount", "type=bind,source="+filepath.Join(s.dir, "pkgs")+",target=/srv/pkgs,readonly", image)
}

func infraImage(ctx context.Context, a *build.Assets, log string) (string, error) {
	image := "kubectl-upgrade-lab/infra:" + a.Parts.ID
	if docker.HasImage(ctx, image) {
		return image, nil
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, data []byte, mode int64) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}
	for name, from := range a.InfraFiles() {
		data, err := os.ReadFile(from)
		if err != nil {
			return "", fmt.Errorf("pack infra image: %w", err)
		}
		if err := add(name, data, 0o755); err != nil {
			return "", fmt.Errorf("pack infra image: %w", err)
		}
	}
	if err := add("etc/registry.yml", []byte(images.Config("/var/lib/registry", ":5000")), 0o644); err != nil {
		return "", fmt.Errorf("pack infra image: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("pack infra image: %w", err)
	}
	return image, docker.Import(ctx, &b, image, log, `ENTRYPOINT ["/infra"]`)
}

func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return store.Link(p, filepath.Join(to, strings.TrimPrefix(p, from)))
	})
}
