package upgrade

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestImagesOfANode(t *testing.T) {
	path := []version.Version{version.MustParse("v1.33.6"), version.MustParse("v1.34.2"), version.MustParse("v1.35.0")}
	b := &bundleInUse{Manifest: &bundle.Manifest{Releases: []bundle.Release{
		{Version: path[0], Images: []string{"registry.k8s.io/kube-apiserver:v1.33.6", "registry.k8s.io/kube-proxy:v1.33.6", "registry.k8s.io/coredns/coredns:v1.12.0", "registry.k8s.io/pause:3.10"}},
		{Version: path[1], Images: []string{"registry.k8s.io/kube-apiserver:v1.34.2", "registry.k8s.io/kube-proxy:v1.34.2", "registry.k8s.io/coredns/coredns:v1.12.1", "registry.k8s.io/pause:3.10"}},
		{Version: path[2]}, // packages alone
	}}}
	worker, controlPlane := cluster.Node{Role: cluster.Worker}, cluster.Node{Role: cluster.ControlPlane}
	for _, c := range []struct {
		node       cluster.Node
		repository string
		want       []string
	}{
		{worker, "registry.k8s.io", []string{"registry.k8s.io/kube-proxy:v1.33.6", "registry.k8s.io/coredns/coredns:v1.12.0", "registry.k8s.io/pause:3.10", "registry.k8s.io/kube-proxy:v1.34.2", "registry.k8s.io/coredns/coredns:v1.12.1"}},
		{worker, "r.example:5000/k8s/", []string{"r.example:5000/k8s/kube-proxy:v1.33.6", "r.example:5000/k8s/coredns:v1.12.0", "r.example:5000/k8s/pause:3.10", "r.example:5000/k8s/kube-proxy:v1.34.2", "r.example:5000/k8s/coredns:v1.12.1"}},
		{controlPlane, "", []string{
			"registry.k8s.io/kube-apiserver:v1.33.6", "registry.k8s.io/kube-proxy:v1.33.6", "registry.k8s.io/coredns/coredns:v1.12.0", "registry.k8s.io/pause:3.10",
			"registry.k8s.io/kube-apiserver:v1.34.2", "registry.k8s.io/kube-proxy:v1.34.2", "registry.k8s.io/coredns/coredns:v1.12.1",
		}},
	} {
		got, lacking := b.names(&cluster.Cluster{Kubeadm: cluster.KubeadmConfig{ImageRepository: c.repository}}, c.node, path)
		if d := cmp.Diff(c.want, got); d != "" || len(lacking) != 1 || lacking[0] != path[2] {
			t.Errorf("%s in %q, lacking %v: %s", c.node.Role, c.repository, lacking, d)
		}
	}
}
