package pack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// wantedImages asks the release's own kubeadm which images it needs. Where it cannot be run, what every release has is wanted.
func (p *packer) wantedImages(ctx context.Context, v version.Version) (bundle.Release, error) {
	kubeadm, err := p.kubeadm(v)
	if err != nil {
		return bundle.Release{}, err
	}
	if kubeadm == "" {
		p.Note(fmt.Sprintf("kubeadm %s cannot be run on this machine (%s/%s): its images are guessed; the nodes will say if one is missing", v, runtime.GOOS, runtime.GOARCH))
		return bundle.Release{Version: v, Images: p.guess(v), Guessed: true}, nil
	}
	out, err := exec.CommandContext(ctx, kubeadm, "config", "images", "list", "--kubernetes-version", v.String()).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return bundle.Release{}, fmt.Errorf("ask kubeadm %s for its images: %w", v, err)
	}
	images := strings.Fields(string(out))
	if len(images) == 0 {
		return bundle.Release{}, fmt.Errorf("ask kubeadm %s for its images: it names none", v)
	}
	return bundle.Release{Version: v, Images: images}, nil
}

// kubeadm gives the path of a kubeadm of the release that runs here; nothing where there is none.
func (p *packer) kubeadm(v version.Version) (string, error) {
	if f, ok := p.program("kubeadm", v, runtime.GOARCH); ok && runsHere(f.arch) {
		return f.path, nil
	}
	if d, ok := p.newestDeb("kubeadm", v, runtime.GOARCH); ok && runtime.GOOS == "linux" {
		return p.unpackKubeadm(d)
	}
	return "", nil
}

// guess names the images of a release by what is there: those with its own tag, and every one of those with tags of their own.
func (p *packer) guess(v version.Version) []string {
	repository := "registry.k8s.io"
	for _, i := range p.images {
		if strings.HasPrefix(bundle.LastPart(i.name), "kube-apiserver:") {
			repository = strings.TrimSuffix(i.name, "/"+bundle.LastPart(i.name))
		}
	}
	var out []string
	for _, c := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		out = append(out, repository+"/"+c+":"+v.String())
	}
	for _, c := range []string{"coredns", "pause", "etcd"} {
		found := false
		for _, i := range p.images {
			if strings.HasPrefix(bundle.LastPart(i.name), c+":") && !slices.Contains(out, i.name) {
				out, found = append(out, i.name), true
			}
		}
		if !found {
			out = append(out, repository+"/"+c+":any")
		}
	}
	return out
}
