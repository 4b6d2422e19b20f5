package knowledge

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// CoreDNSSource is where the releases stand from which kubeadm can convert a Corefile, as its newest release has it.
const CoreDNSSource = "https://github.com/coredns/corefile-migration/blob/v1.0.36/migration/versions.go"

// coreDNSReleases are the patch releases of each minor of CoreDNS 1 that the table at CoreDNSSource has.
var coreDNSReleases = map[int][]int{
	1:  {3, 4},
	2:  {0, 1, 2, 3, 4, 5, 6},
	3:  {0, 1},
	4:  {0},
	5:  {0, 1, 2},
	6:  {0, 1, 2, 3, 4, 5, 6, 7, 9},
	7:  {0, 1},
	8:  {0, 3, 4, 5, 6, 7},
	9:  {0, 1, 2, 3, 4},
	10: {0, 1},
	11: {0, 1, 3, 4},
	12: {0, 1, 2, 3, 4},
	13: {0, 1, 2},
	14: {0, 1, 2, 3, 4, 6, 7},
	15: {0},
}

// CoreDNSKnown tells whether kubeadm of any release can convert the Corefile of a release of CoreDNS. One that is newer than all that are in the table may
// be in that of a kubeadm to come.
func CoreDNSKnown(v version.Version) bool {
	newest := version.Version{Major: 1}
	for minor, patches := range coreDNSReleases {
		newest = newestOf(newest, version.Version{Major: 1, Minor: minor, Patch: slices.Max(patches)})
	}
	return newest.Less(v) || v.Major == 1 && v.Pre == "" && slices.Contains(coreDNSReleases[v.Minor], v.Patch)
}

func newestOf(a, b version.Version) version.Version {
	if a.Less(b) {
		return b
	}
	return a
}
