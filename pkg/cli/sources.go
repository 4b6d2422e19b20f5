package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// carried starts the name of an image that carries a bundle, and the agent with it.
const carried = "oci://"

// sources reads where packages and images are to come from. An image that carries a bundle is the agent's image too, since it is the
// agent that takes the files out of it.
func (f *upgradeFlags) sources(o *upgrade.Options, agentImageTyped bool) error {
	var err error
	if o.PackagesFrom, err = source("--packages-from", f.packagesFrom); err != nil {
		return err
	}
	if o.PackagesFrom != nil && o.PackagesFrom.Folder == nil && !o.PackagesFrom.Carried {
		return fmt.Errorf("--packages-from: %q is neither the folder of a bundle nor an image with one (%sREFERENCE)", f.packagesFrom, carried)
	}
	if o.ImagesFrom, err = source("--images-from", f.imagesFrom); err != nil {
		return err
	}
	image := ""
	for _, s := range []*upgrade.Source{o.PackagesFrom, o.ImagesFrom} {
		if s == nil || !s.Carried {
			continue
		}
		ref := strings.TrimPrefix(s.Location, carried)
		if image != "" && ref != image {
			return fmt.Errorf("--images-from: packages and images can only be carried by the same image: %s is another one than %s", ref, image)
		}
		image = ref
	}
	if image == "" {
		return nil
	}
	if agentImageTyped && o.Agent.Image != image {
		return fmt.Errorf("--agent-image: the bundle is carried by the agent's image, which is then %s: leave the flag out", image)
	}
	o.Agent.Image = image
	return nil
}

// source tells a folder from an image and from a registry; nil for nothing.
func source(flag, location string) (*upgrade.Source, error) {
	s := &upgrade.Source{Location: location}
	if location == "" {
		return nil, nil
	}
	if ref, ok := strings.CutPrefix(location, carried); ok {
		if _, err := name.ParseReference(ref, name.WeakValidation); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		s.Carried = true
		return s, nil
	}
	info, err := os.Stat(location)
	if err == nil && info.IsDir() {
		// A plan is run from anywhere.
		if s.Location, err = filepath.Abs(location); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if s.Folder, err = bundle.Open(location); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		return s, nil
	}
	if strings.HasPrefix(location, "/") || strings.HasPrefix(location, ".") || strings.HasPrefix(location, "~") {
		if err == nil {
			err = fmt.Errorf("%s is not a folder", location)
		}
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if !registryName.MatchString(location) {
		return nil, fmt.Errorf("%s: %q is no folder, and no registry such as registry.example:5000/k8s either", flag, location)
	}
	s.Location = strings.TrimSuffix(location, "/")
	return s, nil
}

// registryName is a host with a dot, a port or both, or localhost, and a path: what kubeadm takes for its imageRepository, less what
// looks like the mistyped name of a folder.
var registryName = regexp.MustCompile(`^([a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?|[a-z0-9-]+:[0-9]+|localhost)(/[a-z0-9._/-]*)?$`)
