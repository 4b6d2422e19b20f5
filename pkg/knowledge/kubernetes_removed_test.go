package knowledge

import (
	"slices"
	"testing"
)

// TestLost: objects are lost with alpha versions and with kinds that end, and not with beta versions of kinds that became stable.
func TestLost(t *testing.T) {
	for id, want := range map[string]bool{
		"policy/v1beta1 PodSecurityPolicy": true, "resource.k8s.io/v1alpha2 ResourceClaim": true, "storagemigration.k8s.io/v1alpha1 StorageVersionMigration": true,
		"node.k8s.io/v1beta1 RuntimeClass": false, "flowcontrol.apiserver.k8s.io/v1beta2 FlowSchema": false, "batch/v1beta1 CronJob": false,
	} {
		i := slices.IndexFunc(removedAPIs, func(a RemovedAPI) bool { return a.GroupVersion()+" "+a.Kind == id })
		if i < 0 || removedAPIs[i].Lost() != want {
			t.Errorf("%s is at %d; want it lost: %t", id, i, want)
		}
	}
	// A kind that is named wrongly would never be met.
	for _, k := range becameStable {
		if !slices.ContainsFunc(removedAPIs, func(a RemovedAPI) bool { return a.Group+" "+a.Kind == k && a.Replacement == "" }) {
			t.Errorf("%s needs no mention", k)
		}
	}
}
