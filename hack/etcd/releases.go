package main

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

//go:embed releases.yaml
var releasesYAML []byte

// release is one version of etcd and how its programs are made.
type release struct {
	Version  string            `json:"version"`
	Go       string            `json:"go"`
	Programs map[string]string `json:"programs"`
	// LaterFlags are those of newer patch releases, whose source is not to be had as a module, and whether they are without a value.
	LaterFlags map[string]bool `json:"laterFlags,omitempty"`
	// SHA256 of the programs, by platform such as linux-amd64.
	SHA256 map[string]map[string]string `json:"sha256,omitempty"`
}

// load returns the releases, or those of them that are asked for.
func load(only []string) ([]release, error) {
	var file struct {
		Releases []release `json:"releases"`
	}
	if err := yaml.UnmarshalStrict(releasesYAML, &file); err != nil {
		return nil, fmt.Errorf("parse releases.yaml: %w", err)
	}
	if len(only) == 0 {
		return file.Releases, nil
	}
	var list []release
	for _, v := range only {
		i := slices.IndexFunc(file.Releases, func(r release) bool { return r.Version == v })
		if i < 0 {
			return nil, fmt.Errorf("find release %s: releases.yaml has none", v)
		}
		list = append(list, file.Releases[i])
	}
	return list, nil
}

func (r release) names() []string { return slices.Sorted(maps.Keys(r.Programs)) }
