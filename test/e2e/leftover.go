package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// holdings is what a cluster of the lab takes up on this machine, as the engine and the kernel know it.
type holdings struct {
	objects []string // IDs of containers and networks, names of volumes
	paths   []string
}

func docker(ctx context.Context, args ...string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "docker", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("run docker %s: %w", strings.Join(args, " "), withStderr(err))
	}
	return strings.Fields(string(out)), nil
}

// holds looks what belongs to the cluster that stands.
func (l *lab) holds(ctx context.Context) (holdings, error) {
	label := "label=kubectl-upgrade.lab.cluster=" + l.name
	containers, err := docker(ctx, "ps", "--all", "--quiet", "--no-trunc", "--filter", label)
	if err != nil {
		return holdings{}, err
	}
	networks, err := docker(ctx, "network", "ls", "--quiet", "--no-trunc", "--filter", label)
	if err != nil {
		return holdings{}, err
	}
	if len(containers) == 0 || len(networks) == 0 {
		return holdings{}, fmt.Errorf("cluster %s has %d containers and %d networks", l.name, len(containers), len(networks))
	}
	volumes, err := docker(ctx, append([]string{"inspect", "--format", "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}} {{end}}{{end}}"}, containers...)...)
	if err != nil {
		return holdings{}, err
	}
	h := holdings{objects: append(append(containers, networks...), volumes...), paths: []string{filepath.Dir(l.info.Kubeconfig)}}
	for _, n := range networks {
		h.paths = append(h.paths, "/sys/class/net/br-"+n[:12])
	}
	return h, nil
}

// gone wants nothing left of it.
func (h holdings) gone(ctx context.Context) error {
	var left []string
	for _, o := range h.objects {
		if _, err := docker(ctx, "inspect", "--format", "x", o); err == nil {
			left = append(left, o)
		}
	}
	for _, p := range h.paths {
		if _, err := os.Lstat(p); err == nil {
			left = append(left, p)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	return nil
}
