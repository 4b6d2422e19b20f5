// Package release reads which releases of etcd are brought along, and what their programs have to be.
package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Release is one version of etcd and how its programs are made.
type Release struct {
	Version  string            `json:"version"`
	Go       string            `json:"go"`
	Programs map[string]string `json:"programs"`
	// LaterFlags are those of newer patch releases, whose source is not to be had as a module, and whether they are without a value.
	LaterFlags map[string]bool `json:"laterFlags,omitempty"`
	// SHA256 of the programs, by platform such as linux-amd64.
	SHA256 map[string]map[string]string `json:"sha256,omitempty"`
}

// Load returns the releases of a file such as hack/etcd/releases.yaml, in its order, or those of them that are asked for by version,
// such as 3.5.35, or by minor, such as 3.5.
func Load(path string, only []string) ([]Release, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read releases: %w", err)
	}
	var file struct {
		Releases []Release `json:"releases"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	if len(only) == 0 {
		return file.Releases, nil
	}
	wanted := map[string]bool{}
	for _, v := range only {
		i := slices.IndexFunc(file.Releases, func(r Release) bool { return r.Version == v || r.Minor() == v })
		if i < 0 {
			return nil, fmt.Errorf("find release %s: %s has none", v, path)
		}
		wanted[file.Releases[i].Version] = true
	}
	return slices.DeleteFunc(file.Releases, func(r Release) bool { return !wanted[r.Version] }), nil
}

// Minor is 3.5 for 3.5.35.
func (r Release) Minor() string { return r.Version[:strings.LastIndexByte(r.Version, '.')] }

// Names are the programs' names, sorted: etcd, etcdctl, and etcdutl where there is one.
func (r Release) Names() []string { return slices.Sorted(maps.Keys(r.Programs)) }

// Sum is the sha256 of a file, in hex.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("sum: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("sum %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
