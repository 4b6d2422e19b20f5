package action

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const (
	// importWait is how long the runtime's CRI service may take to notice an image that its own tool has loaded: containerd tells it
	// by an event.
	importWait = 30 * time.Second
	importLook = 200 * time.Millisecond
)

// findImages looks which files of the bundle are needed for images to be there.
func findImages(ctx context.Context, a hostaction.FindImages, env Env) (any, error) {
	rt, _, err := connectRuntime()
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	from, err := openBundle(env, a.Bundle)
	if err != nil {
		return nil, err
	}
	files, missing := []hostaction.File{}, []string{}
	for _, image := range a.Images {
		there, err := rt.Present(ctx, image)
		if err != nil {
			return nil, err
		}
		found, ok := from.Image(image, runtime.GOARCH)
		switch {
		case there:
		case ok:
			files = append(files, found.File)
		default:
			missing = append(missing, image)
		}
	}
	return files, lacking(from, missing)
}

// lacking is the error that names a bundle and what it does not have.
func lacking(from *bundle.Folder, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	return fault.New(hostaction.CodeImageNotFound, "find images for %s in %s, made for %s and with images for %s: it lacks %s",
		runtime.GOARCH, from.Short(), from.ReleaseNames(), from.ImageArches(), strings.Join(missing, ", "))
}

// importImages loads one image after another: each load writes its layers to the disk of a node that serves.
func importImages(ctx context.Context, a hostaction.ImportImages, env Env) (any, error) {
	rt, socket, err := connectRuntime()
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	from, err := openBundle(env, a.Bundle)
	if err != nil {
		return nil, err
	}
	out, missing := []hostaction.PulledImage{}, []string{}
	var load loader
	for _, want := range a.Images {
		p, start := hostaction.PulledImage{Image: want}, time.Now()
		if p.Present, err = rt.Present(ctx, want); err != nil {
			return out, err
		}
		found, ok := from.Image(want, runtime.GOARCH)
		switch {
		case p.Present:
			fmt.Fprintf(env.Log, "%s is there\n", want)
		case !ok:
			missing = append(missing, want)
			continue
		default:
			if load == nil {
				if load, err = newLoader(ctx, rt, socket); err != nil {
					return out, err
				}
			}
			if err := importOne(ctx, rt, load, from, found, want, env); err != nil {
				return out, err
			}
			p.Took = time.Since(start)
			fmt.Fprintf(env.Log, "imported %s in %s\n", want, p.Took.Round(time.Millisecond))
		}
		out = append(out, p)
	}
	return out, lacking(from, missing)
}

func importOne(ctx context.Context, rt *cri.Client, load loader, from *bundle.Folder, found bundle.Image, want string, env Env) error {
	if err := from.Check(found.File); err != nil {
		return fmt.Errorf("import image %s: %w", want, err)
	}
	for _, command := range load(from.Path(found.File), found.Name, want) {
		if err := proc.Run(ctx, env.Log, command[0], command[1:]...); err != nil {
			return fmt.Errorf("import image %s: %w", want, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, importWait)
	defer cancel()
	tick := time.NewTicker(importLook)
	defer tick.Stop()
	for {
		there, err := rt.Present(ctx, want)
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("import image %s: the runtime's image service does not have it: %w", want, errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

// loader gives the commands that load an archive, and then give the image the name that is wanted.
type loader func(archive, have, want string) [][]string

// newLoader knows the tools that come with a runtime. CRI has no call to load an image.
func newLoader(ctx context.Context, rt *cri.Client, socket string) (loader, error) {
	name, err := rt.Runtime(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask container runtime for its name: %w", err)
	}
	var tool string
	var load loader
	switch name {
	case "containerd":
		tool = "ctr"
		base := []string{"ctr", "--address", strings.TrimPrefix(socket, "unix://"), "--namespace", "k8s.io", "images"}
		load = loadWith(base, []string{"import"}, []string{"tag", "--force"})
	case "docker":
		tool = "docker"
		load = loadWith([]string{"docker"}, []string{"load", "--input"}, []string{"tag"})
	default:
		return nil, fmt.Errorf("import images: container runtime %s takes no archives: use a registry that the nodes reach (--images-from REGISTRY)", name)
	}
	if _, err := exec.LookPath(tool); err != nil {
		return nil, fmt.Errorf("import images into %s: %w", name, err)
	}
	return load, nil
}

func loadWith(base, load, tag []string) loader {
	command := func(parts ...[]string) []string {
		out := append([]string{}, base...)
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	return func(archive, have, want string) [][]string {
		out := [][]string{command(load, []string{archive})}
		if have != want {
			out = append(out, command(tag, []string{have, want}))
		}
		return out
	}
}

func connectRuntime() (*cri.Client, string, error) {
	socket, err := cri.Socket()
	if err != nil {
		return nil, "", err
	}
	rt, err := cri.Connect(socket)
	return rt, socket, err
}
