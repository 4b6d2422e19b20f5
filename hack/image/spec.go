package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// spec is what an image is made of: images/NAME/image.yaml.
type spec struct {
	name string
	// Path of the program in the image, which is its entry point.
	Path string `json:"path"`
	// Args are what it is given when a container names none.
	Args []string `json:"args,omitempty"`
	// Etcd is the folder in the image for releases of etcd, empty for an image without.
	Etcd string `json:"etcd,omitempty"`
	// Links are symbolic links by their path in the image.
	Links map[string]string `json:"links,omitempty"`
}

// readSpec reads the image.yaml of a folder that is named like the image.
func readSpec(dir string) (spec, error) {
	s := spec{name: filepath.Base(filepath.Clean(dir))}
	data, err := os.ReadFile(filepath.Join(dir, "image.yaml"))
	if err != nil {
		return s, fmt.Errorf("read image: %w", err)
	}
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return s, fmt.Errorf("parse %s/image.yaml: %w", dir, err)
	}
	for _, p := range append([]string{s.Path}, keys(s.Links)...) {
		if !path.IsAbs(p) || path.Clean(p) != p {
			return s, fmt.Errorf("parse %s/image.yaml: %q is no absolute path", dir, p)
		}
	}
	return s, nil
}
