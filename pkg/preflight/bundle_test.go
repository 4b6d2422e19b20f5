package preflight

import (
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// byHand makes w-1 a host without packages and without sources.
func byHand(in *Input) *cluster.Host {
	h := in.Cluster.Nodes[1].Host
	h.PackageManager, h.Sources = "files", nil
	return h
}

func TestWithABundleNoRepositoryIsWanted(t *testing.T) {
	in := clean()
	in.BundledPackages, in.BundledImages = true, true
	byHand(&in)
	in.Cluster.Nodes[0].Host.Sources = nil
	if fs := Run(in); len(fs) > 0 {
		t.Errorf("findings %+v", fs)
	}
}

func TestFindingsOfBundles(t *testing.T) {
	for id, c := range map[string]struct {
		names  []string
		hazard func(*Input)
	}{
		"not-a-package": {[]string{"w-1", "by hand", "--packages-from"}, func(in *Input) {
			byHand(in)
			in.BundledPackages = false
		}},
		"package-not-found": {[]string{"bundle abc", "kubectl upgrade bundle --to v1.34.4"}, func(in *Input) {
			in.Hosts["w-1"][0].ResolutionError, in.Hosts["w-1"][0].ResolutionCode = "bundle abc has none", hostaction.CodePackageNotFound
		}},
		"image-not-in-bundle": {[]string{"it lacks etcd:3.6.5-0", "--images-archive"}, func(in *Input) {
			in.Hosts["w-1"][0].ImageError = "it lacks etcd:3.6.5-0"
		}},
		"disk-full": {[]string{"w-1", "/var/lib/kubectl-upgrade has 200 MiB free", "files from the bundle need 364 MiB"}, func(in *Input) {
			r := &in.Hosts["w-1"][0]
			r.ImageBytes, r.Resolution.Files = 200<<20, map[string]hostaction.File{"kubelet": {Size: 100 << 20}}
			h := in.Cluster.Nodes[1].Host
			h.Disks = append(h.Disks, cluster.Disk{Path: "/var/lib/kubectl-upgrade", Free: 200 << 20})
		}},
	} {
		in := clean()
		in.BundledPackages, in.BundledImages = true, true
		c.hazard(&in)
		fs := Run(in)
		if len(fs) != 1 || fs[0].ID != id || fs[0].Severity != Error {
			t.Errorf("%s: findings %+v", id, fs)
			continue
		}
		text := fs[0].Object + " " + fs[0].Message + " " + fs[0].Fix
		for _, n := range c.names {
			if !strings.Contains(text, n) {
				t.Errorf("%s: %q is not in %q", id, n, text)
			}
		}
	}
}
