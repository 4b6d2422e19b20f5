package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func planOf(t *testing.T, in Input) *Plan {
	t.Helper()
	p, err := ForCluster(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadGivesTheSamePlan(t *testing.T) {
	in := input(ha(), climb...)
	in.Options = Options{DrainTimeout: Duration(time.Minute), MaxUnavailable: 2, Selector: "pool=a", Workers: []string{"w-1"}, Via: climb[:1]}
	want := planOf(t, in)
	for _, doc := range []any{want, map[string]any{"apiVersion": APIVersion, "kind": "ClusterUpgradeReport", "plan": want}} {
		text, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(text, UpgradeKind)
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != want.Digest || got.Options.DrainTimeout != want.Options.DrainTimeout {
			t.Errorf("digest %s, want %s; options %+v", got.Digest, want.Digest, got.Options)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	good, err := json.Marshal(planOf(t, input(build(from, []string{"cp-1"}, []string{"w-1"}))))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"no JSON":             {"v1.34.4", "not JSON"},
		"another format":      {`{"apiVersion": "v1", "kind": "Node"}`, "apiVersion"},
		"a report without it": {`{"apiVersion": "` + APIVersion + `", "kind": "ClusterUpgradeReport"}`, "there is none"},
		"changed by hand":     {strings.Replace(string(good), `"node":"w-1"`, `"node":"w-2"`, 1), "digest"},
		"cut short":           {string(good[:len(good)/2]), "not JSON"},
	} {
		if _, err := Read([]byte(tt.text), UpgradeKind); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, tt.want)
		}
	}
}

// TestSavedPlanStaysValid: what changes all the time, and only decides an order, does not make a saved plan stale.
func TestSavedPlanStaysValid(t *testing.T) {
	saved := planOf(t, input(ha(), climb...))
	c := ha()
	c.Context, c.Server = "colleague", "https://vpn:6443"
	c.Leaders = cluster.Leaders{Etcd: "cp-2", Scheduler: "cp-3", ControllerManager: "cp-1"}
	for i := range c.Nodes {
		for j := range c.Nodes[i].Pods {
			c.Nodes[i].Pods[j].Name += "-of-another-hour"
		}
	}
	c.Nodes[3].Pods = nil
	in := input(c, climb...)
	if fresh := planOf(t, in); fresh.Digest == saved.Digest {
		t.Error("with other leaders the order is the same: this test proves nothing")
	}
	in.Saved = saved
	if d := Differences(saved, planOf(t, in)); d != nil {
		t.Errorf("stale: %s", strings.Join(d, "; "))
	}
}

func TestDifferences(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   []string
	}{
		"nothing":       {func(*Input) {}, nil},
		"a node is new": {func(in *Input) { *in = input(build(from, []string{"cp-1"}, []string{"w-1", "w-2"})) }, []string{"node w-2 is new", "step prepare/w-2/1.34/packages is new"}},
		"a node is gone": {func(in *Input) { *in = input(build(from, []string{"cp-1"}, nil)) },
			[]string{"node w-1 is gone", "step prepare/w-1/1.34/packages is no longer there"}},
		"a node was upgraded meanwhile": {func(in *Input) {
			c := build(from, []string{"cp-1"}, []string{"w-1"})
			c.Nodes[1].KubeletVersion, c.Nodes[1].Host = to, host(to)
			*in = input(c)
		}, []string{"node w-1: kubelet: v1.33.13 in the plan, v1.34.4 now", "node w-1: held packages: kubeadm kubelet kubectl in the plan, none now", "step prepare/w-1/1.34/packages is no longer there"}},
		"a hold was lifted": {func(in *Input) { in.Cluster.Nodes[1].Host.Packages[0].Held = false },
			[]string{"node w-1: held packages: kubeadm kubelet kubectl in the plan, kubelet kubectl now", "step finish/verify does something else now"}},
		"another package revision": {func(in *Input) {
			in.Packages["w-1"][to] = hostaction.Resolution{Versions: map[string]string{"kubeadm": "1.34.4-2.1", "kubelet": "1.34.4-2.1", "kubectl": "1.34.4-2.1"}}
		}, []string{"step prepare/w-1/1.34/packages does something else now", "step 1.34/nodes/w-1/kubeadm does something else now"}},
		"other options": {func(in *Input) { in.Options.Force = true }, []string{"option force: none in the plan, true now", "step 1.34/nodes/cp-1/drain does something else now"}},
		"another way":   {func(in *Input) { *in = input(build(from, []string{"cp-1"}, []string{"w-1"}), versions("v1.34.5")...) }, []string{"the way of the control plane: v1.34.4 in the plan, v1.34.5 now"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			saved := planOf(t, input(build(from, []string{"cp-1"}, []string{"w-1"})))
			in := input(build(from, []string{"cp-1"}, []string{"w-1"}))
			tt.change(&in)
			in.Saved = saved
			got := Differences(saved, planOf(t, in))
			for _, w := range tt.want {
				if !slices.Contains(got, w) {
					t.Errorf("%q is not among %s", w, strings.Join(got, "; "))
				}
			}
			if tt.want == nil {
				if d := cmp.Diff([]string(nil), got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestDifferencesNameTheOrder(t *testing.T) {
	a := planOf(t, input(ha(), climb...))
	c := ha()
	c.Leaders = cluster.Leaders{Etcd: "cp-2"}
	got := Differences(a, planOf(t, input(c, climb...)))
	if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "the order is another one") }) {
		t.Errorf("%s", strings.Join(got, "; "))
	}
}
