package apt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
)

// Download fetches the packages and what they depend on into the host's archive cache; apt checks them against the signed lists.
func (p *Private) Download(ctx context.Context, versions map[string]string) error {
	if err := p.ensure(ctx, versions); err != nil {
		return err
	}
	if err := WaitUnlocked(ctx, p.log); err != nil {
		return err
	}
	out, err := proc.Logged(ctx, p.log, "apt-get", install(p.options(), versions, "-q", "--download-only", "-o", lockTimeout)...)
	if err = classify(err, out); err != nil && fault.Code(err) == "" && ctx.Err() == nil {
		return refused("download packages", versions, err, out)
	}
	return err
}

// Unpack lays kubeadm's package out in a directory, without installing it. Where the package is not in the cache because that very version is installed, nothing is done.
func (p *Private) Unpack(ctx context.Context, debian, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "usr/bin/kubeadm")); err == nil {
		return nil
	}
	deb, err := archive(ctx, cluster.PackageNames[0], debian)
	if err != nil {
		return err
	}
	if deb == "" {
		pkgs, _, err := Installed(ctx, cluster.PackageNames[:1])
		if err == nil && len(pkgs) == 1 && pkgs[0].Version == debian {
			return nil
		}
		return errors.Join(fmt.Errorf("unpack kubeadm %s: it is not among the downloaded packages", debian), err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("unpack kubeadm: %w", err)
	}
	// Only a whole directory gets the final name, so that its presence means that it can be used.
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-*")
	if err != nil {
		return fmt.Errorf("unpack kubeadm: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := proc.Run(ctx, p.log, "dpkg-deb", "-x", deb, tmp); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("unpack kubeadm: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("unpack kubeadm: %w", err)
	}
	return nil
}

// archive finds a package in the cache: NAME_VERSION_ARCH.deb, with the colon of an epoch as %3a.
func archive(ctx context.Context, name, debian string) (string, error) {
	out, err := proc.Output(ctx, "apt-config", "shell", "D", "Dir::Cache::archives/d")
	if err != nil {
		return "", err
	}
	dir := strings.Trim(strings.TrimPrefix(strings.TrimSpace(out), "D="), "'")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look into package cache: %w", err)
	}
	prefix := name + "_" + strings.ReplaceAll(debian, ":", "%3a") + "_"
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ".deb") {
			return filepath.Join(dir, e.Name()), nil
		}
	}
	return "", nil
}
