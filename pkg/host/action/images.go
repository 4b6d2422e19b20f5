package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/credentials"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// pullsAtOnce keeps the disk and the network of a serving node usable.
const pullsAtOnce = 2

func pullImages(ctx context.Context, a hostaction.PullImages, env Env) (any, error) {
	kubeadm, err := kubeadmOf(ctx, a.Version, env)
	if err != nil {
		return nil, err
	}
	args := []string{"config", "images", "list"}
	if config := imagesConfig(a); config == "" {
		args = append(args, imagesFlags(a)...)
	} else {
		dir, err := os.MkdirTemp("", "kubectl-upgrade-images-")
		if err != nil {
			return nil, fmt.Errorf("create folder for kubeadm's configuration: %w", err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "kubeadm.yaml")
		if err := file.Write(path, []byte(config), 0o644); err != nil {
			return nil, err
		}
		args = append(args, "--config", path)
	}
	fmt.Fprintf(env.Log, "$ %s %s\n", kubeadm, strings.Join(args, " "))
	out, err := proc.Output(ctx, kubeadm, args...)
	if err != nil {
		return nil, err
	}
	images := needed(strings.Fields(out), a.ControlPlane)
	if a.Bundle != "" {
		return importImages(ctx, hostaction.ImportImages{Bundle: a.Bundle, Images: images}, env)
	}
	return pull(ctx, images, env)
}

func imagesFlags(a hostaction.PullImages) []string {
	args := []string{"--kubernetes-version", a.Version.String()}
	if a.ImageRepository != "" {
		args = append(args, "--image-repository", a.ImageRepository)
	}
	return args
}

// imagesConfig is the configuration that tells kubeadm up to 1.14 what later ones have a flag for, or nothing where there is no need.
func imagesConfig(a hostaction.PullImages) string {
	if a.Version.Minor >= 15 || a.ImageRepository == "" {
		return ""
	}
	api := "v1beta1"
	if a.Version.Minor < 13 {
		api = "v1alpha3"
	}
	return fmt.Sprintf("apiVersion: kubeadm.k8s.io/%s\nkind: ClusterConfiguration\nkubernetesVersion: %s\nimageRepository: %q\n", api, a.Version, a.ImageRepository)
}

func checkImages(ctx context.Context, a hostaction.CheckImages, env Env) (any, error) {
	return pull(ctx, a.Images, env)
}

// needed keeps of kubeadm's list what the host runs; what every node may run is kube-proxy, coredns and pause.
func needed(images []string, controlPlane bool) []string {
	if controlPlane {
		return images
	}
	return slices.DeleteFunc(images, func(i string) bool {
		name := i[strings.LastIndexByte(i, '/')+1:]
		name, _, _ = strings.Cut(name, ":")
		// Images carried the architecture in their name up to 1.11.
		return name != "kube-proxy" && name != "coredns" && name != "pause"
	})
}

// pull has every image pulled, and goes on after one that cannot be had, so that all of them are named.
func pull(ctx context.Context, images []string, env Env) ([]hostaction.PulledImage, error) {
	socket, err := cri.Socket()
	if err != nil {
		return nil, err
	}
	rt, err := cri.Connect(socket)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	out := make([]hostaction.PulledImage, len(images))
	var g errgroup.Group
	g.SetLimit(pullsAtOnce)
	for i, image := range images {
		g.Go(func() error {
			out[i] = pullOne(ctx, rt, image, env)
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return out, fmt.Errorf("pull images: %w", context.Cause(ctx))
	}
	var missing []string
	for _, p := range out {
		if p.Error != "" {
			missing = append(missing, p.Image+": "+p.Error)
		}
	}
	if len(missing) > 0 {
		return out, fault.New(hostaction.CodeImageNotFound, "pull images: %s", strings.Join(missing, "; "))
	}
	return out, nil
}

func pullOne(ctx context.Context, rt *cri.Client, image string, env Env) hostaction.PulledImage {
	p := hostaction.PulledImage{Image: image}
	start := time.Now()
	there, err := rt.Present(ctx, image)
	if err == nil && !there {
		err = pullAs(ctx, rt, image, credentials.Files, env)
	}
	p.Present = there
	p.Took = time.Since(start)
	switch {
	case err != nil:
		p.Error = err.Error()
		fmt.Fprintf(env.Log, "cannot pull %s: %s\n", image, p.Error)
	case there:
		fmt.Fprintf(env.Log, "%s is there\n", image)
	default:
		fmt.Fprintf(env.Log, "pulled %s in %s\n", image, p.Took.Round(time.Millisecond))
	}
	return p
}

// pullAs has the runtime pull an image as it would for kubeadm, and where it cannot, as for the kubelet: with what that has for the registry.
func pullAs(ctx context.Context, rt *cri.Client, image string, files []string, env Env) error {
	err := rt.Pull(ctx, image, nil)
	if err == nil {
		return nil
	}
	found, problem := credentials.For(image, files)
	for _, c := range found {
		if ctx.Err() != nil {
			break
		}
		again := rt.Pull(ctx, image, &runtime.AuthConfig{Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken})
		if again == nil {
			fmt.Fprintf(env.Log, "pulled %s with the kubelet's credentials of %s\n", image, c.File)
			return nil
		}
		err = fmt.Errorf("%w; with the kubelet's credentials of %s: %w", err, c.File, again)
	}
	return errors.Join(err, problem)
}
