package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// savePlan writes the plan of a cluster of one node, made with some choices.
func savePlan(t *testing.T) string {
	t.Helper()
	from, to := version.MustParse("v1.33.13"), version.MustParse("v1.34.4")
	n := cluster.Node{Name: "cp-1", Role: cluster.ControlPlane, Ready: true, KubeletVersion: from}
	for _, c := range plan.ControlPlaneComponents {
		n.StaticPods = append(n.StaticPods, cluster.StaticPod{Component: c, Version: from, Ready: true})
	}
	p, err := plan.ForCluster(plan.Input{
		Cluster: &cluster.Cluster{UID: "uid", Kubeadm: cluster.KubeadmConfig{KubernetesVersion: from}, Nodes: []cluster.Node{n}},
		Path:    []version.Version{to},
		Options: plan.Options{Selector: "pool in (a, b)", Workers: []string{}, MaxUnavailable: 2, PauseAfter: plan.PauseAfterFirstWorker,
			DrainTimeout: plan.Duration(time.Hour), GracePeriodSeconds: -1, IgnoreKubeadmPreflight: []string{"Swap", "Mem"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSavedPlanBringsItsChoices(t *testing.T) {
	path := savePlan(t)
	r := &runner{}
	cmd := newClusterWith(r, genericclioptions.NewConfigFlags(true))
	if err := cmd.ParseFlags([]string{"--plan", path, "--agent-image=x/y:z", "--yes"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.loadPlan(); err != nil {
		t.Fatal(err)
	}
	o, err := r.options()
	if err != nil {
		t.Fatal(err)
	}
	if o.To.String() != "v1.34.4" || o.Selector != "pool in (a, b)" || o.MaxUnavailable.IntValue() != 2 || o.Plan.PauseAfter != plan.PauseAfterFirstWorker ||
		time.Duration(o.Plan.DrainTimeout) != time.Hour || len(o.Plan.IgnoreKubeadmPreflight) != 2 || o.Plan.GracePeriodSeconds != -1 {
		t.Errorf("options %+v", o)
	}
	want := "kubectl upgrade cluster --agent-image=x/y:z --drain-timeout=1h0m0s --kubeadm-ignore-preflight-errors=Swap,Mem --max-unavailable=2 " +
		"--pause-after=first-worker '--selector=pool in (a, b)' --to=v1.34.4 --yes=true"
	if got := r.command(); got != want {
		t.Errorf("to go on:\n%s, want\n%s", got, want)
	}
}

func TestSavedPlanIsRefused(t *testing.T) {
	path := savePlan(t)
	for name, tt := range map[string]struct {
		args  []string
		names []string
	}{
		"no file":         {[]string{"--plan", path + ".none"}, []string{"--plan", path + ".none"}},
		"a flag beside":   {[]string{"--plan", path, "--max-unavailable=3"}, []string{"--max-unavailable", path}},
		"a target beside": {[]string{"--plan", path, "--to", "v1.34.4"}, []string{"--to", path}},
		"no plan in it":   {[]string{"--plan", os.Args[0]}, []string{"--plan", "not JSON"}},
	} {
		_, _, err := run(t, append([]string{"cluster", "--agent-image=x/y:z"}, tt.args...)...)
		if err == nil || Code(err) != Failed {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, n := range tt.names {
			if !strings.Contains(err.Error(), n) {
				t.Errorf("%s: %q does not name %q", name, err, n)
			}
		}
	}
}
