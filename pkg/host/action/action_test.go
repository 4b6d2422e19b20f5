package action

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestNodeArgs(t *testing.T) {
	for _, c := range []struct {
		version      string
		controlPlane bool
		want         string
	}{
		{"v1.34.2", true, "upgrade node --ignore-preflight-errors=A,B --etcd-upgrade=false"},
		{"v1.16.0", false, "upgrade node --etcd-upgrade=false"},
		{"v1.14.0", true, "upgrade node experimental-control-plane --etcd-upgrade=false"},
		{"v1.14.0", false, "upgrade node config --kubelet-version v1.14.0"},
	} {
		a := hostaction.KubeadmNode{Version: version.MustParse(c.version), IgnorePreflight: []string{"A", "B"}, SkipEtcd: true}
		if got := strings.Join(nodeArgs(a, c.controlPlane), " "); got != c.want {
			t.Errorf("%s, control plane %t: %s", c.version, c.controlPlane, got)
		}
	}
}

func TestNeededImages(t *testing.T) {
	all := func() []string {
		return []string{"registry.k8s.io/kube-apiserver:v1.34.2", "registry.k8s.io/kube-proxy:v1.34.2", "r:5000/coredns/coredns:v1.12.1", "registry.k8s.io/pause:3.10.1", "registry.k8s.io/etcd:3.6.5-0"}
	}
	want := []string{"registry.k8s.io/kube-proxy:v1.34.2", "r:5000/coredns/coredns:v1.12.1", "registry.k8s.io/pause:3.10.1"}
	if d := cmp.Diff(want, needed(all(), false)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(all(), needed(all(), true)); d != "" {
		t.Error(d)
	}
}

func TestFailingChecks(t *testing.T) {
	if got := failing("[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"); got != "[-]etcd failed: reason withheld" {
		t.Error(got)
	}
}

func TestRequestMustAgreeWithItsAction(t *testing.T) {
	r, err := hostaction.NewRequest("a", "n", hostaction.RestartKubelet{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Changes = false
	f, ok := For(r.Kind)
	if !ok {
		t.Fatal("kind is not known")
	}
	if _, err := f(t.Context(), r, Env{}); err == nil || !strings.Contains(err.Error(), "changes=false") {
		t.Errorf("err = %v", err)
	}
}
