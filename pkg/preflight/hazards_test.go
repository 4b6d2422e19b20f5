package preflight

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// TestHazardsBlock: what can be skipped blocks until it is, what is mandatory blocks whatever is skipped, and what the upgrade mends does not
// block, unless somebody has decided against it.
func TestHazardsBlock(t *testing.T) {
	v := version.MustParse("v1.33.0")
	in := Input{To: version.MustParse("v1.34.4"), Cluster: &cluster.Cluster{
		Kubeadm: cluster.KubeadmConfig{KubernetesVersion: v},
		Nodes:   []cluster.Node{{Name: "cp-1", Role: cluster.ControlPlane, Ready: true, KubeletVersion: v}},
		Survey: &cluster.Survey{
			APIServices: []cluster.APIService{{Name: "v1.example.invalid", Service: "default/nobody"}},
			Webhooks:    []cluster.Webhook{{Configuration: "c", Name: "w", Service: "default/nobody", Fails: true, System: true}},
			Configs:     []cluster.Config{{ConfigMap: "kubelet-config", Key: "kubelet", Text: "featureGates:\n  DevicePluginCDIDevices: true\n  RecoverVolumeExpansionFailure: false\n  Other: true\n"}},
		},
	}}
	const skippable, mandatory, mended, asks = "apiservice-down", "webhook-system-down", "gate-deviceplugincdidevices", "gate-recovervolumeexpansionfailure-locked"
	for _, tt := range []struct {
		skip []string
		want map[string]Severity
	}{
		{nil, map[string]Severity{skippable: Error, mandatory: Error, mended: Warning, asks: Error}},
		{[]string{"*"}, map[string]Severity{skippable: Warning, mandatory: Error, mended: Warning, asks: Warning}},
	} {
		in.SkipChecks = tt.skip
		fs := hazards(in)
		for id, want := range tt.want {
			i := slices.IndexFunc(fs, func(f Finding) bool { return f.ID == id })
			if i < 0 || fs[i].Severity != want || len(fs[i].Evidence) != 1 {
				t.Errorf("skipping %v: %s is at %d of %+v, want %s", tt.skip, id, i, fs, want)
			}
			if i >= 0 && (id == mended || id == asks) != strings.Contains(fs[i].Diff, "-  DevicePluginCDIDevices: true") {
				t.Errorf("diff of %s: %q", id, fs[i].Diff)
			}
		}
	}
}
