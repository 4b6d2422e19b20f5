package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// configured is a cluster of 1.32 whose configurations have what 1.33 and 1.34 do not know. It is built by hand, since kubeadm writes none of it.
func configured() *cluster.Cluster {
	c := build(version.MustParse("v1.32.13"), []string{"cp-1", "cp-2"}, []string{"w-1"})
	c.Survey = &cluster.Survey{Configs: []cluster.Config{
		{ConfigMap: "kubeadm-config", Key: "ClusterConfiguration", Text: "apiServer:\n  extraArgs:\n  - name: v\n    value: \"2\"\n  - name: cloud-provider\n    value: external\n" +
			"  - name: feature-gates\n    value: LegacySidecarContainers=true,Other=true\napiVersion: kubeadm.k8s.io/v1beta4\nfeatureGates:\n  EtcdLearnerMode: true\n"},
		{ConfigMap: "kubelet-config", Key: "kubelet", Text: "featureGates:\n  DevicePluginCDIDevices: true\n  Other: true\n"},
	}}
	return c
}

// TestTakenOut: a plan keeps what it takes out, with its values, and one that goes on with an upgrade what the run before has taken out.
func TestTakenOut(t *testing.T) {
	c := configured()
	first, err := ForCluster(input(c, from, to))
	if err != nil {
		t.Fatal(err)
	}
	want := []TakenOut{
		{"kubeadm-config", "ClusterConfiguration", from, []manifest.Setting{{Section: "apiServer", Name: "cloud-provider", Value: "external"}, {Name: "EtcdLearnerMode", Value: "true", Gate: true}}},
		{"kubeadm-config", "ClusterConfiguration", to, []manifest.Setting{{Section: "apiServer", Name: "LegacySidecarContainers", Value: "true", Gate: true}}},
		{"kubelet-config", "kubelet", to, []manifest.Setting{{Name: "DevicePluginCDIDevices", Value: "true", Gate: true}}},
	}
	if d := cmp.Diff(want, first.TakenOut); d != "" {
		t.Fatal(d)
	}
	// Cut short after the first rewrite.
	c = hazard.Rewritten(c, hazard.Rewrites(c, from))
	in := input(c, from, to)
	without, err := ForCluster(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Begun = first
	second, err := ForCluster(in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, second.TakenOut); d != "" {
		t.Error(d)
	}
	if len(without.TakenOut) != 2 || second.Digest != without.Digest {
		t.Errorf("what was taken out before makes it another plan: %s, %s; %+v", second.Digest, without.Digest, without.TakenOut)
	}
}

// TestAbortPutsBack: what the upgrade has taken out goes back where all that it was meant for still knows it, and nowhere else.
func TestAbortPutsBack(t *testing.T) {
	const kubeadm, kubelet = "configuration/cluster/kubeadm-config", "configuration/cluster/kubelet-config"
	begun, err := ForCluster(input(configured(), from, to))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		// reached is the last release for which configurations were rewritten.
		reached version.Version
		change  func(*cluster.Cluster)
		want    map[string]string // settings by step
		stays   []string          // what is told to stay out
	}{
		"before kubeadm of the first release": {from, func(*cluster.Cluster) {},
			map[string]string{kubeadm: "--cloud-provider=external feature gate EtcdLearnerMode=true"}, nil},
		"one API server has moved": {from, func(c *cluster.Cluster) { c.Nodes[1].StaticPods[0].Version = from },
			map[string]string{kubeadm: "feature gate EtcdLearnerMode=true"}, []string{"--cloud-provider=external stays out"}},
		"the first release is there": {from, func(c *cluster.Cluster) { controlPlaneAt(c, from) },
			nil, []string{"--cloud-provider=external stays out", "feature gate EtcdLearnerMode=true stays out"}},
		"before kubeadm of the second release": {to, func(c *cluster.Cluster) { controlPlaneAt(c, from) },
			map[string]string{kubeadm: "feature gate LegacySidecarContainers=true", kubelet: "feature gate DevicePluginCDIDevices=true"},
			[]string{"--cloud-provider=external stays out", "feature gate EtcdLearnerMode=true stays out"}},
		"the second release is there, and kubelets are not": {to, func(c *cluster.Cluster) { controlPlaneAt(c, to) },
			nil, []string{"cloud-provider", "EtcdLearnerMode", "LegacySidecarContainers", "DevicePluginCDIDevices"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := configured()
			for _, v := range []version.Version{from, to} {
				if !tt.reached.Less(v) {
					c = hazard.Rewritten(c, hazard.Rewrites(c, v))
				}
			}
			tt.change(c)
			p, err := Abort(AbortInput{Cluster: c, Recorded: true, From: version.MustParse("v1.32.13"), To: to, Begun: begun, Configs: c.Survey.Configs})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for s := range p.Steps() {
				if s.Kind != PutBackConfig {
					continue
				}
				params, err := Params[PutBackParams](s)
				if err != nil {
					t.Fatal(err)
				}
				var words []string
				for _, o := range params.Settings {
					words = append(words, o.String())
					if !strings.Contains(s.Title, o.String()) {
						t.Errorf("%q does not show %s", s.Title, o)
					}
				}
				got[s.ID] = strings.Join(words, " ")
				if !s.Changes || p.Phases[0].ID != "configuration" {
					t.Errorf("%s: changes %t, phases %+v", s.ID, s.Changes, p.Phases)
				}
			}
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			for _, w := range tt.stays {
				if !slices.ContainsFunc(p.Reasons, func(r string) bool { return strings.Contains(r, w) && strings.Contains(r, "stays out") }) {
					t.Errorf("%q does not tell that %s stays out", p.Reasons, w)
				}
			}
		})
	}
}

// TestAbortWithoutItsPlan: what a record had no room for is not passed over in silence.
func TestAbortWithoutItsPlan(t *testing.T) {
	p, err := Abort(AbortInput{Cluster: half(), Recorded: true, From: from, To: to})
	if err != nil || !slices.ContainsFunc(p.Reasons, func(r string) bool { return strings.Contains(r, "kubeadm's configuration is not known") }) {
		t.Errorf("%v, %v", p, err)
	}
}

func controlPlaneAt(c *cluster.Cluster, v version.Version) {
	c.Kubeadm.KubernetesVersion = v
	for i := range c.Nodes {
		for j := range c.Nodes[i].StaticPods {
			c.Nodes[i].StaticPods[j].Version = v
		}
	}
}
