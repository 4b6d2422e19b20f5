package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// WhatKubeadmDoes says what becomes of the etcd that kubeadm runs while the control plane goes along a path of versions.
func WhatKubeadmDoes(c *cluster.Cluster, path []version.Version, keep bool) []string {
	have, ok := etcdImageVersion(c)
	if !ok || c.Kubeadm.ExternalEtcd {
		return nil
	}
	if keep {
		return []string{fmt.Sprintf("etcd stays at %s: kubeadm is told to leave it; \"kubectl upgrade etcd\" upgrades it", have.Bare())}
	}
	if tag := c.Kubeadm.EtcdImageTag; tag != "" {
		return []string{fmt.Sprintf("kubeadm keeps etcd at the tag %s, which its configuration names", tag)}
	}
	var way []string
	for _, v := range path {
		p, err := knowledge.EtcdFor(v)
		switch {
		case err != nil:
			return []string{fmt.Sprintf("kubeadm takes etcd (%s) to what %s comes with, which is not known here", have.Bare(), v)}
		case have.Less(p.Default):
			way, have = append(way, fmt.Sprintf("to %s at %s", p.Default.Bare(), v)), p.Default
		}
	}
	if len(way) == 0 {
		return []string{fmt.Sprintf("etcd stays at %s: kubeadm comes with none that is newer", have.Bare())}
	}
	from, _ := etcdImageVersion(c)
	return []string{fmt.Sprintf("kubeadm takes etcd from %s %s; --etcd keep leaves it as it is", from.Bare(), strings.Join(way, ", then "))}
}

// etcdImageVersion is the oldest release in the tags of kubeadm's etcd pods.
func etcdImageVersion(c *cluster.Cluster) (oldest version.Version, ok bool) {
	for _, n := range c.Nodes {
		s, found := n.Component("etcd")
		if !found {
			continue
		}
		tag := strings.TrimPrefix(strings.TrimPrefix(s.Image, Repository(s.Image)), ":")
		tag, _, _ = strings.Cut(tag, "@")
		bare, _, _ := strings.Cut(tag, "-")
		v, err := version.Parse(cmp.Or(bare, tag))
		if err != nil {
			return version.Version{}, false
		}
		if oldest.IsZero() || v.Less(oldest) {
			oldest, ok = v, true
		}
	}
	return oldest, ok
}
