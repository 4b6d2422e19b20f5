package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// repository finds the root of the project, from wherever in it this was started.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/kubectl-upgrade/kubectl-upgrade").Output()
	if err != nil {
		return "", fmt.Errorf("find the root of the project: %w", withStderr(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// build makes the product from this tree. Its programs lie in a folder of their own, so that a build meanwhile changes no test.
func build(ctx context.Context, root, work string) (*product, error) {
	p := &product{dir: filepath.Join(work, "bin"), state: filepath.Join(work, "state")}
	for _, b := range [][]string{
		{"build", "-o", filepath.Join(p.dir, "kubectl-upgrade"), "./cmd/kubectl-upgrade"},
		{"build", "-o", p.agent(), "-trimpath", "-ldflags=-s -w", "./cmd/host-agent"},
		{"build", "-o", p.etcdMigrate(), "-trimpath", "-ldflags=-s -w", "./cmd/etcd-migrate"},
		{"build", "-o", p.aptLock(), "-trimpath", "-ldflags=-s -w", "./test/e2e/aptlock"},
	} {
		cmd := exec.CommandContext(ctx, "go", b...)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		// All but the first run on nodes and in an image with nothing else in it.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("go %s: %w", strings.Join(b, " "), err)
		}
	}
	return p, nil
}

// pushAgent puts the agent's image into the cluster's registry.
func (p *product) pushAgent(ctx context.Context, root string, l *lab) error {
	cmd := exec.CommandContext(ctx, "go", "run", "./hack/image", "--image", "images/host-agent", "--binary", p.agent(),
		"--push", l.info.Registry.Push+"/host-agent:e2e", "--insecure")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("push the agent's image: %w", err)
	}
	p.image = l.info.Registry.Pull + "/host-agent:e2e"
	return nil
}

// pushEtcdMigrate puts the image of etcd-migrate into the cluster's registry, with those releases of etcd that are asked for.
func (p *product) pushEtcdMigrate(ctx context.Context, root string, l *lab, hops string) (string, error) {
	for _, args := range [][]string{
		{"run", "./hack/etcd", "--only", hops},
		{"run", "./hack/image", "--image", "images/etcd-migrate", "--binary", p.etcdMigrate(), "--hops", hops,
			"--platform", "linux/" + runtime.GOARCH, "--push", l.info.Registry.Push + "/etcd-migrate:e2e", "--insecure"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("push the image of etcd-migrate: go %s: %w", strings.Join(args, " "), err)
		}
	}
	return l.info.Registry.Pull + "/etcd-migrate:e2e", nil
}

// findKubectl takes the user's kubectl, or the one that the lab built for its clusters.
func (p *product) findKubectl(l *lab) error {
	var err error
	if p.kubectl, err = exec.LookPath("kubectl"); err == nil {
		return nil
	}
	cache, err := cacheOfLab()
	if err != nil {
		return fmt.Errorf("find kubectl: %w", err)
	}
	p.kubectl = filepath.Join(cache, "bin", "kubernetes", l.info.Kubernetes, "kubectl")
	if _, err := os.Stat(p.kubectl); err != nil {
		return fmt.Errorf("find kubectl: neither on PATH nor in the lab's cache: %w", err)
	}
	return nil
}

// cacheOfLab is where the lab keeps what it has built.
func cacheOfLab() (string, error) {
	if cache := os.Getenv("LAB_CACHE"); cache != "" {
		return cache, nil
	}
	base, err := os.UserCacheDir()
	return filepath.Join(base, "kubectl-upgrade-lab"), err
}
