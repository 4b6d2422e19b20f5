package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// bundle upgrades a cluster whose package repository and registry are switched off, out of a folder on this machine.
func bundle(ctx context.Context, e *env) error {
	folder, err := e.makeBundle(ctx)
	if err != nil {
		return err
	}
	if err := e.loadAgent(ctx); err != nil {
		return err
	}
	e.extra = []string{"--packages-from=" + folder, "--images-from=" + folder}
	e.sourcesKept = true
	u, err := e.upgradeUnderLoad(ctx, func(ctx context.Context, c call) (outcome, error) {
		// Only now: the workload had to be pulled.
		if err := e.lab.power(ctx, "off", "infra"); err != nil {
			return outcome{}, err
		}
		e.check("a bundle that was changed is refused before anything changes", func() error { return e.changedBundle(ctx, folder, c) })
		return e.product.run(ctx, c)
	})
	if err != nil || u == nil {
		return err
	}
	e.prove(ctx, u)
	e.check("every kubelet was restarted once", func() error { return e.restartedOnce(ctx, u.began) })
	e.check("nothing was fetched from the repository or the registry", func() error { return e.switchedOff(ctx) })
	return nil
}

// carriedBundle upgrades a cluster out of an image that its nodes pull from a registry: the agent, with the bundle in it. The package
// sources of the hosts lead nowhere.
func carriedBundle(ctx context.Context, e *env) error {
	archive, err := e.agentArchive(ctx)
	if err != nil {
		return err
	}
	const repository = "/upgrade:e2e"
	if err := e.bundled(ctx, "--push", e.lab.info.Registry.Push+repository, "--insecure-registry", "--agent-archive", archive); err != nil {
		return err
	}
	for _, n := range e.lab.info.Nodes {
		if _, err := e.lab.exec(ctx, n.Name, "sed", "-i", "s|pkgs.k8s.io|127.0.0.1:9|", n.AptFile); err != nil {
			return err
		}
	}
	image := "oci://" + e.lab.info.Registry.Pull + repository
	e.extra, e.sourcesKept, e.product.image = []string{"--packages-from=" + image, "--images-from=" + image}, true, ""
	u, err := e.upgradeUnderLoad(ctx, e.product.run)
	if err != nil || u == nil {
		return err
	}
	e.prove(ctx, u)
	return nil
}

// makeBundle does what somebody does who has downloaded packages and images: here they are what the lab serves.
func (e *env) makeBundle(ctx context.Context) (string, error) {
	folder := filepath.Join(e.work, "bundle")
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	return folder, e.bundled(ctx, "--output", folder)
}

func (e *env) bundled(ctx context.Context, args ...string) error {
	archive := filepath.Join(e.work, "images.tar")
	if err := e.saveImages(ctx, archive); err != nil {
		return err
	}
	o, err := e.product.run(ctx, call{kubeconfig: e.lab.info.Kubeconfig, args: append([]string{
		"bundle", "--from", e.lab.info.Kubernetes, "--to", e.target(), "--debs", filepath.Join(filepath.Dir(e.lab.info.Kubeconfig), "pkgs"), "--images-archive", archive,
	}, args...)})
	if err == nil && o.code != 0 {
		err = errors.New(o.String())
	}
	return err
}

// saveImages writes an archive of all that kubeadm wants, as "docker save" does.
func (e *env) saveImages(ctx context.Context, archive string) error {
	cache, err := cacheOfLab()
	if err != nil {
		return err
	}
	kubeadm := filepath.Join(cache, "bin", "kubernetes", e.target(), "kubeadm")
	out, err := exec.CommandContext(ctx, kubeadm, "config", "images", "list", "--kubernetes-version", e.target()).Output()
	if err != nil {
		return fmt.Errorf("list images: %w", withStderr(err))
	}
	images := map[name.Tag]v1.Image{}
	for _, wanted := range strings.Fields(string(out)) {
		tag, err := name.NewTag(wanted)
		if err != nil {
			return err
		}
		ref, err := name.ParseReference(e.lab.info.Registry.Push+"/"+tag.RepositoryStr()+":"+tag.TagStr(), name.Insecure)
		if err != nil {
			return err
		}
		if images[tag], err = remote.Image(ref, remote.WithContext(ctx)); err != nil {
			return fmt.Errorf("pull %s: %w", ref, err)
		}
	}
	return tarball.MultiWriteToFile(archive, images)
}

// loadAgent loads the agent's image on every node by hand, as docs/bundle.md has it done where there is no registry at all.
func (e *env) loadAgent(ctx context.Context) error {
	archive, err := e.agentArchive(ctx)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	for _, n := range e.lab.info.nodes() {
		for _, c := range []struct {
			stdin []byte
			args  []string
		}{
			{content, []string{"import", "-"}},
			{nil, []string{"tag", "--force", "docker.io/library/host-agent:latest", e.product.image}},
		} {
			var in io.Reader
			if c.stdin != nil {
				in = bytes.NewReader(c.stdin)
			}
			if _, err := e.lab.feed(ctx, n, in, append([]string{"ctr", "--namespace", "k8s.io", "images"}, c.args...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *env) agentArchive(ctx context.Context) (string, error) {
	archive := filepath.Join(e.work, "host-agent.tar")
	cmd := exec.CommandContext(ctx, "go", "run", "./hack/image", "--image", "images/host-agent", "--binary", e.product.agent(), "--tar", archive)
	cmd.Dir, cmd.Stderr = e.root, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("write the agent's image: %w", err)
	}
	return archive, nil
}

// changedBundle damages a package of the bundle, as a bad disk would, and wants the upgrade to end without a change.
func (e *env) changedBundle(ctx context.Context, folder string, c call) error {
	found, err := filepath.Glob(filepath.Join(folder, "packages", "kubelet_*.deb"))
	if err != nil || len(found) == 0 {
		return fmt.Errorf("find kubelet's package in %s: %w", folder, err)
	}
	good, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(found[0], bad, 0o600); err != nil {
		return err
	}
	defer func() { _ = os.WriteFile(found[0], good, 0o600) }()
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	o, err := e.product.run(ctx, c)
	if err != nil {
		return err
	}
	if o.code == 0 || !strings.Contains(o.stderr, "its sha256 is") {
		return errors.New(o.String())
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	if d := before.diff(after); d != "" {
		return fmt.Errorf("something has changed:\n%s", d)
	}
	return nil
}

// switchedOff wants the machine that serves packages and images to be off still.
func (e *env) switchedOff(ctx context.Context) error {
	if err := e.lab.load(ctx); err != nil {
		return err
	}
	for _, s := range e.lab.info.Stopped {
		if strings.HasSuffix(s, "infra") {
			return nil
		}
	}
	return fmt.Errorf("infra is not among what is switched off: %v", e.lab.info.Stopped)
}
