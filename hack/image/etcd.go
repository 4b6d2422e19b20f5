package main

import (
	"fmt"
	"path"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/etcd/release"
)

// bundle is the releases of etcd that an image gets.
type bundle struct {
	releases string   // the file that lists them
	hops     []string // which of them, by minor or version; all for none
	dir      string   // where "go run ./hack/etcd" has put the programs
}

// layers are one per release, so that images with other releases beside it share it. A program that is not the one that
// is listed does not come into any image.
func (m maker) layers(arch string) ([]layer, error) {
	list, err := release.Load(m.releases, m.hops)
	if err != nil {
		return nil, err
	}
	dir := forArch(m.dir, arch)
	var layers []layer
	for _, r := range list {
		l := layer{comment: "add etcd " + r.Version}
		for _, name := range r.Names() {
			e := entry{path: path.Join(m.Etcd, name+"-"+r.Version), source: filepath.Join(dir, name+"-"+r.Version)}
			have, err := release.Sum(e.source)
			if err != nil {
				return nil, fmt.Errorf("add etcd %s: %w (go run ./hack/etcd --platform linux-%s builds it)", r.Version, err, arch)
			}
			if want := r.SHA256["linux-"+arch][name]; have != want {
				return nil, fmt.Errorf("add etcd %s: the sha256 of %s is %s, and %s wants %q", r.Version, e.source, have, m.releases, want)
			}
			l.entries = append(l.entries, e)
			if m.contents == nil {
				continue
			}
			made, err := m.listed(e.source, name+"-"+r.Version, "v"+r.Version)
			if err != nil {
				return nil, fmt.Errorf("add etcd %s: %w", r.Version, err)
			}
			l.entries = append(l.entries, made)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// newest are links to the programs of the newest release, by which the image can be run as etcd itself.
func (b bundle) newest(to string) ([]entry, error) {
	list, err := release.Load(b.releases, b.hops)
	if err != nil {
		return nil, err
	}
	r := list[len(list)-1]
	var links []entry
	for _, name := range r.Names() {
		links = append(links, entry{path: path.Join(to, name), link: name + "-" + r.Version})
	}
	return links, nil
}
