package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// ha is a cluster whose etcd leads on cp-1, and where w-3 has the fewest pods to move.
func ha() *cluster.Cluster {
	c := build(versions("v1.32.13")[0], []string{"cp-1", "cp-2", "cp-3"}, []string{"w-1", "w-2", "w-3"})
	c.Leaders = cluster.Leaders{Etcd: "cp-1", Scheduler: "cp-2", ControllerManager: "cp-2"}
	for i, pods := range []int{0, 0, 0, 3, 2, 1} {
		for range pods {
			c.Nodes[i].Pods = append(c.Nodes[i].Pods, cluster.Pod{Namespace: "shop", Name: "web", Controller: "ReplicaSet"})
		}
		if i < 3 {
			c.Nodes[i].StaticPods = append(c.Nodes[i].StaticPods, cluster.StaticPod{Component: "etcd", Ready: true})
		}
	}
	return c
}

var climb = versions("v1.33.13", "v1.34.4", "v1.35.4")

// TestClimb wants every minor on every control-plane node, one apply each, and one drain per node, at the end.
func TestClimb(t *testing.T) {
	p, err := ForCluster(input(ha(), climb...))
	if err != nil {
		t.Fatal(err)
	}
	applies, drains := map[string]string{}, map[string]int{}
	var order []string
	for s := range p.Steps() {
		switch s.Kind {
		case Kind(hostaction.KubeadmApply{}.Kind()):
			applies[strings.Split(s.ID, "/")[0]] = s.Node
		case Drain:
			drains[s.Node]++
			if !strings.HasPrefix(s.ID, "1.35/") {
				t.Errorf("%s is drained before the end: %s", s.Node, s.ID)
			}
		}
		if g := s.ID[:strings.LastIndex(s.ID, "/")]; strings.Contains(g, "/control-plane/") && !slices.Contains(order, g) {
			order = append(order, g)
		}
	}
	for _, n := range p.Nodes {
		if drains[n.Name] != 1 {
			t.Errorf("%s is drained %d times", n.Name, drains[n.Name])
		}
	}
	// The leader comes last. Every minor keeps the order, so that no node is the next one when it was the last.
	if d := cmp.Diff([]string{
		"1.33/control-plane/cp-3", "1.33/control-plane/cp-2", "1.33/control-plane/cp-1",
		"1.34/control-plane/cp-3", "1.34/control-plane/cp-2", "1.34/control-plane/cp-1",
		"1.35/control-plane/cp-3", "1.35/control-plane/cp-2", "1.35/control-plane/cp-1",
	}, order); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"1.33": "cp-3", "1.34": "cp-3", "1.35": "cp-3"}, applies); d != "" {
		t.Error(d)
	}
	if !slices.ContainsFunc(p.Reasons, func(r string) bool {
		return strings.Contains(r, "cp-3 goes to v1.33.13 first: it leads nothing: etcd's leader on cp-1")
	}) {
		t.Errorf("reasons %q do not say why cp-3 is first", p.Reasons)
	}
	if !slices.ContainsFunc(p.Reasons, func(r string) bool { return strings.Contains(r, "drained once") }) {
		t.Errorf("reasons %q do not say how often nodes are drained", p.Reasons)
	}
	cp, w := p.Nodes[0], p.Nodes[3]
	if len(cp.Stops) != 3 || len(w.Stops) != 1 {
		t.Errorf("packages move %d times on a control-plane node and %d times on a worker, want 3 and 1", len(cp.Stops), len(w.Stops))
	}
}

// TestApplyGoesOnWhereItWasBegun: leadership has moved since, but the host that has the new kubeadm is the one to go on.
func TestApplyGoesOnWhereItWasBegun(t *testing.T) {
	c := ha()
	c.Leaders.Etcd = "cp-3"
	c.Nodes[2].Host.Packages[0].Version = "1.33.13-1.1"
	p, err := ForCluster(input(c, climb...))
	if err != nil {
		t.Fatal(err)
	}
	if id := p.Phases[1].Groups[0].ID; id != "1.33/control-plane/cp-3" {
		t.Errorf("first is %s, want the node that has begun", id)
	}
}

func groups(p *Plan, marker string) (out [][]string) {
	for _, ph := range p.Phases {
		var g []string
		for _, x := range ph.Groups {
			if strings.Contains(x.ID, marker) {
				g = append(g, x.Title)
			}
		}
		if len(g) > 0 || strings.Contains(ph.ID, "/pause/") {
			out = append(out, g)
		}
	}
	return out
}

// TestWorkers gives the phases of the nodes; an empty one is a pause.
func TestWorkers(t *testing.T) {
	tests := map[string]struct {
		change func(*cluster.Cluster)
		opts   Options
		want   [][]string
	}{
		"fewest pods first": {nil, Options{}, [][]string{{"cp-2", "cp-3", "cp-1"}, {"w-3", "w-2", "w-1"}}},
		// cp-1 leads, and is what is left to climb: it gives the leadership to cp-3.
		"pause after the control plane": {nil, Options{PauseAfter: PauseAfterControlPlane},
			[][]string{nil, {"cp-1", "cp-2", "cp-3"}, {"w-3", "w-2", "w-1"}}},
		"canary": {nil, Options{PauseAfter: PauseAfterFirstWorker, MaxUnavailable: 2},
			[][]string{{"cp-2", "cp-3", "cp-1"}, {"w-3"}, nil, {"w-2", "w-1"}}},
		"canary was done before": {func(c *cluster.Cluster) {
			n := &c.Nodes[5]
			n.KubeletVersion, n.Host = climb[2], host(climb[2])
		}, Options{PauseAfter: PauseAfterFirstWorker},
			[][]string{{"cp-2", "cp-3", "cp-1"}, {"w-2", "w-1"}}},
		"every node": {nil, Options{PauseAfter: PauseAfterEveryNode, Workers: []string{"w-1"}},
			[][]string{{"cp-2"}, nil, {"cp-3"}, nil, {"cp-1"}, nil, {"w-1"}}},
		"some workers only": {nil, Options{Workers: []string{"w-1", "w-3"}}, [][]string{{"cp-2", "cp-3", "cp-1"}, {"w-3", "w-1"}}},
		"what was begun goes on": {func(c *cluster.Cluster) { c.Nodes[3].CordonedByUs = true }, Options{},
			[][]string{{"cp-2", "cp-3", "cp-1"}, {"w-1", "w-3", "w-2"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := ha()
			c.Leaders.Etcd = "cp-1"
			// The control plane is where it has to be: what is left are the nodes.
			for i := range c.Nodes[:3] {
				for j := range c.Nodes[i].StaticPods {
					c.Nodes[i].StaticPods[j].Version = climb[2]
				}
			}
			c.Kubeadm.KubernetesVersion = climb[2]
			c.Addons[0].Image = "x/kube-proxy:" + climb[2].String()
			if tt.opts.PauseAfter == PauseAfterControlPlane {
				c.Nodes[0].StaticPods[0].Version = climb[1]
			}
			if tt.change != nil {
				tt.change(c)
			}
			in := input(c, climb[2])
			in.Options = tt.opts
			p, err := ForCluster(in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, groups(p, "/nodes/")); d != "" {
				t.Error(d)
			}
			seen := map[string]bool{}
			for s := range p.Steps() {
				if seen[s.ID] {
					t.Errorf("step %s is there twice", s.ID)
				}
				seen[s.ID] = true
			}
		})
	}
}
