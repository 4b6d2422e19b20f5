package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// TestRewritesComeBeforeTheirRelease: each stop takes out what its own release does not know, before kubeadm of that release looks at it.
func TestRewritesComeBeforeTheirRelease(t *testing.T) {
	c := build(version.MustParse("v1.32.13"), []string{"cp-1"}, []string{"w-1"})
	c.Survey = &cluster.Survey{Configs: []cluster.Config{{ConfigMap: "kubeadm-config", Key: "ClusterConfiguration",
		Text: "apiServer:\n  extraArgs:\n  - name: cloud-provider\n    value: external\n  - name: feature-gates\n    value: LegacySidecarContainers=true,Other=true\n"}}}
	p, err := ForCluster(input(c, from, to))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, ph := range p.Phases {
		order = append(order, ph.ID)
	}
	at := func(id string) int { return slices.Index(order, id) }
	if at("1.33/configuration") < 0 || at("1.33/configuration")+1 != at("1.33/control-plane") || at("1.34/configuration")+1 != at("1.34/control-plane") {
		t.Fatalf("phases %v", order)
	}
	for _, phase := range []string{"1.33/configuration", "1.34/configuration"} {
		s := p.Phases[at(phase)].Groups[0].Steps
		if len(s) != 1 || s[0].Kind != RewriteConfig || !s[0].Changes {
			t.Fatalf("%s has the steps %+v", phase, s)
		}
		want, err := Params[RewriteParams](s[0])
		if err != nil {
			t.Fatal(err)
		}
		args, gates := want.Strip.Args["apiServer"], want.Strip.Gates["apiServer"]
		first := phase == "1.33/configuration"
		if first != slices.Equal(args, []string{"cloud-provider"}) || first == slices.Equal(gates, []string{"LegacySidecarContainers"}) {
			t.Errorf("%s takes out %v and %v", phase, args, gates)
		}
		if word := map[bool]string{true: "--cloud-provider", false: "feature gate LegacySidecarContainers"}[first]; !strings.Contains(s[0].Title, word) {
			t.Errorf("title %q does not say %s", s[0].Title, word)
		}
	}
}

// TestNothingToRewrite: a configuration that the target knows has no phase, and neither has an upgrade that is over.
func TestNothingToRewrite(t *testing.T) {
	c := build(from, []string{"cp-1"}, nil)
	c.Survey = &cluster.Survey{Configs: []cluster.Config{{ConfigMap: "kubelet-config", Key: "kubelet", Text: "featureGates:\n  Other: true\n"}}}
	p, err := ForCluster(input(c))
	if err != nil || slices.ContainsFunc(p.Phases, func(ph Phase) bool { return strings.HasSuffix(ph.ID, "/configuration") }) {
		t.Errorf("phases %+v, %v", p.Phases, err)
	}
}

// TestRewriteFollowsTheKubelets: up to 1.23 each release has its own ConfigMap for them, which kubeadm makes of the one before.
func TestRewriteFollowsTheKubelets(t *testing.T) {
	c := build(version.MustParse("v1.22.17"), []string{"cp-1"}, nil)
	c.Survey = &cluster.Survey{Configs: []cluster.Config{{ConfigMap: "kubelet-config-1.22", Key: "kubelet",
		Text: "featureGates:\n  BoundServiceAccountTokenVolume: true\n  RuntimeClass: true\n  SelectorIndex: true\n  Other: true\n"}}}
	path := []version.Version{version.MustParse("v1.23.17"), version.MustParse("v1.24.17"), version.MustParse("v1.25.16")}
	p, err := ForCluster(input(c, path...))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ph := range p.Phases {
		if !strings.HasSuffix(ph.ID, "/configuration") {
			continue
		}
		params, err := Params[RewriteParams](ph.Groups[0].Steps[0])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, params.ConfigMap+" "+strings.Join(params.Strip.Gates[""], ","))
	}
	want := []string{"kubelet-config-1.22 BoundServiceAccountTokenVolume", "kubelet-config-1.23 RuntimeClass", "kubelet-config SelectorIndex"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
