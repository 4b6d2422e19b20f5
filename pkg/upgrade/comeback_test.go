package upgrade

import (
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

func TestComingBack(t *testing.T) {
	pod := preflight.Finding{ID: preflight.StaticPodNotReady, Severity: preflight.Error, Object: "pod kube-system/etcd-cp-1"}
	warning := preflight.Finding{ID: "node-cordoned", Severity: preflight.Warning, Object: "node w-1"}
	node := preflight.Finding{ID: "node-not-ready", Severity: preflight.Error, Object: "node w-1"}
	for _, c := range []struct {
		name     string
		findings []preflight.Finding
		want     string
	}{
		{"only static pods", []preflight.Finding{pod, warning, pod}, "pod kube-system/etcd-cp-1, pod kube-system/etcd-cp-1"},
		{"what starts with them", []preflight.Finding{pod, {ID: "addon-not-ready", Severity: preflight.Error, Evidence: []string{"kube-proxy (x)"}}}, "pod kube-system/etcd-cp-1, kube-proxy (x)"},
		{"a member of etcd that boots", []preflight.Finding{{ID: "etcd-member-down", Severity: preflight.Error, Object: "etcd member cp-2"}}, "etcd member cp-2"},
		{"a node as well", []preflight.Finding{pod, node}, ""},
		{"nothing that blocks", []preflight.Finding{warning}, ""},
	} {
		if got := comingBack(c.findings); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
