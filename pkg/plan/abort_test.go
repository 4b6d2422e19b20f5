package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// half is a cluster whose control plane was upgraded and whose workers were not.
func half() *cluster.Cluster {
	c := build(to, []string{"cp-1"}, []string{"w-1", "w-2"})
	for i := range c.Nodes[1:] {
		c.Nodes[1+i].KubeletVersion, c.Nodes[1+i].Host = from, host(from)
	}
	return c
}

func TestAbort(t *testing.T) {
	tests := map[string]struct {
		recorded bool
		change   func(*cluster.Cluster)
		want     []string
	}{
		"nothing unfinished":           {false, func(*cluster.Cluster) {}, nil},
		"only a record":                {true, func(*cluster.Cluster) {}, []string{"finish/serving"}},
		"cordoned by somebody else":    {false, func(c *cluster.Cluster) { c.Nodes[1].Unschedulable = true }, nil},
		"a package of somebody else's": {false, func(c *cluster.Cluster) { c.Nodes[1].Host = host(to) }, nil},
		"marked only":                  {true, func(c *cluster.Cluster) { c.Nodes[2].Marked = true }, []string{"serve/w-2/uncordon", "finish/serving"}},
		"cordoned, nothing installed": {true, func(c *cluster.Cluster) { c.Nodes[1].Unschedulable, c.Nodes[1].CordonedByUs = true, true },
			[]string{"serve/w-1/ready", "serve/w-1/uncordon", "finish/serving"}},
		"cordoned, and no record any more": {false, func(c *cluster.Cluster) { c.Nodes[1].CordonedByUs = true },
			[]string{"serve/w-1/ready", "serve/w-1/uncordon", "finish/serving"}},
		"holds lifted": {true, func(c *cluster.Cluster) { c.Nodes[1].Host.HeldBefore = []string{"kubelet"} },
			[]string{"serve/w-1/finish", "serve/w-1/ready", "serve/w-1/uncordon", "finish/serving"}},
		"package half installed": {true, func(c *cluster.Cluster) { c.Nodes[1].Host.Packages[1].State = "half-configured" },
			[]string{"serve/w-1/finish", "serve/w-1/ready", "serve/w-1/uncordon", "finish/serving"}},
		"installed, and the old kubelet runs": {true, func(c *cluster.Cluster) { c.Nodes[1].CordonedByUs, c.Nodes[1].Host = true, host(to) },
			[]string{"serve/w-1/cordon", "serve/w-1/drain", "serve/w-1/kubelet", "serve/w-1/ready", "serve/w-1/uncordon", "finish/serving"}},
		"kubelet stopped": {true, func(c *cluster.Cluster) { c.Nodes[2].Host.KubeletActive = false },
			[]string{"serve/w-2/cordon", "serve/w-2/drain", "serve/w-2/kubelet", "serve/w-2/ready", "serve/w-2/uncordon", "finish/serving"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := half()
			tt.change(c)
			p, err := Abort(AbortInput{Cluster: c, Recorded: tt.recorded, From: from, To: to, Options: Options{DrainTimeout: Duration(time.Minute)}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for s := range p.Steps() {
				got = append(got, s.ID)
				if s.Timeout == 0 {
					t.Errorf("step %s has no timeout", s.ID)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAbortGoesForward: a kubelet whose new package is there is started in the new version, and the holds of before are wanted.
func TestAbortGoesForward(t *testing.T) {
	c := half()
	c.Nodes[1].Host = host(to)
	c.Nodes[1].Host.HeldBefore = []string{"kubelet"}
	p, err := Abort(AbortInput{Cluster: c, Recorded: true, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	for s := range p.Steps() {
		if s.Kind != NodesServe {
			continue
		}
		got, err := Params[ServingParams](s)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]Serving{"w-1": {Kubelet: to, Held: []string{"kubelet"}}}, got.Nodes); d != "" {
			t.Error(d)
		}
	}
}

// moved makes the kubelet of a node one that the upgrade has moved, an hour ago.
func moved(n *cluster.Node) {
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	n.KubeletVersion, n.Host = to, host(to)
	for i, p := range []string{"kubeadm", "kubelet", "kubectl"} {
		n.Host.Upgrades = append(n.Host.Upgrades, cluster.PackageUpgrade{Name: p, From: from.Bare() + "-1.1", To: to.Bare() + "-1.1", At: at.Add(time.Duration(i) * time.Minute)})
	}
	for _, b := range []struct {
		name  string
		after time.Duration
	}{{"kubeadm-kubelet-config1/config.yaml", -time.Hour}, {"kubeadm-kubelet-config2/config.yaml", time.Second}, {"kubeadm-kubelet-config3/config.yaml", time.Minute}} {
		n.Host.Backups = append(n.Host.Backups, cluster.Backup{Path: "/etc/kubernetes/tmp/" + b.name, At: at.Add(b.after)})
	}
}

func TestFindRollback(t *testing.T) {
	tests := map[string]struct {
		node   string
		change func(*cluster.Cluster)
		want   string // in the refusal; empty where it is allowed
	}{
		"a worker":             {"w-1", func(*cluster.Cluster) {}, ""},
		"a control-plane node": {"cp-1", func(c *cluster.Cluster) { moved(&c.Nodes[0]) }, ""},
		"unknown":              {"w-9", func(*cluster.Cluster) {}, "no such node"},
		"not moved":            {"w-2", func(*cluster.Cluster) {}, "no upgrade of the kubelet"},
		"moved by an earlier upgrade": {"w-1", func(c *cluster.Cluster) { c.Nodes[1].Host.Upgrades[1].To = "1.33.13-1.1" },
			"not moved by this upgrade"},
		"too old": {"w-1", func(c *cluster.Cluster) { c.Nodes[1].Host.Upgrades[1].From = "1.30.1-1.1" }, "4 minors older"},
		"no copy of the configuration": {"w-1", func(c *cluster.Cluster) { c.Nodes[1].Host.Backups = c.Nodes[1].Host.Backups[:1] },
			"kubelet configuration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := half()
			moved(&c.Nodes[1])
			tt.change(c)
			r, err := FindRollback(c, tt.node, []version.Version{to})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%+v, %v; want a refusal that says %q", r, err, tt.want)
				}
				return
			}
			want := Rollback{Node: tt.node, From: to, To: from, Config: "/etc/kubernetes/tmp/kubeadm-kubelet-config2/config.yaml"}
			if err != nil || r != want {
				t.Errorf("%+v, %v; want %+v", r, err, want)
			}
		})
	}
}

func TestRollbackPlan(t *testing.T) {
	c := half()
	moved(&c.Nodes[0])
	moved(&c.Nodes[1])
	in := AbortInput{Cluster: c, Packages: Packages{}}
	for _, n := range []string{"cp-1", "w-1"} {
		r, err := FindRollback(c, n, []version.Version{to})
		if err != nil {
			t.Fatal(err)
		}
		in.Back = append(in.Back, r)
		full := from.Bare() + "-1.1"
		in.Packages[n] = map[version.Version]hostaction.Resolution{from: {Versions: map[string]string{"kubeadm": full, "kubelet": full, "kubectl": full}}}
	}
	p, err := Abort(in)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for s := range p.Steps() {
		got = append(got, s.ID)
		if s.Kind != Kind(hostaction.InstallPackages{}.Kind()) {
			continue
		}
		a, err := Params[hostaction.InstallPackages](s)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := a.Versions["kubeadm"]; ok != (s.Node == "w-1") || a.Version != from || a.Versions["kubelet"] == "" {
			t.Errorf("%s installs %v: kubeadm belongs to the static pods, which stay", s.ID, a)
		}
	}
	var want []string
	for _, n := range []string{"cp-1", "w-1"} {
		for _, s := range []string{"cordon", "drain", "config", "packages", "kubelet", "ready", "uncordon"} {
			want = append(want, "back/"+n+"/"+s)
		}
	}
	if d := cmp.Diff(append(want, "finish/serving"), got); d != "" {
		t.Error(d)
	}
}

func TestSkew(t *testing.T) {
	tests := map[string]struct {
		change func(*cluster.Cluster)
		want   []string // parts of what is said, one each
	}{
		"half upgraded":       {func(*cluster.Cluster) {}, nil},
		"kubelet too new":     {func(c *cluster.Cluster) { c.Nodes[1].KubeletVersion = versions("v1.35.0")[0] }, []string{"newer than an API server"}},
		"kubelet three older": {func(c *cluster.Cluster) { c.Nodes[1].KubeletVersion = versions("v1.31.0")[0] }, nil},
		"kubelet four older":  {func(c *cluster.Cluster) { c.Nodes[1].KubeletVersion = versions("v1.30.0")[0] }, []string{"4 minors older"}},
		"scheduler two older": {func(c *cluster.Cluster) { c.Nodes[0].StaticPods[2].Version = versions("v1.32.0")[0] }, []string{"kube-scheduler"}},
		"servers before 1.28": {func(c *cluster.Cluster) {
			*c = *build(versions("v1.27.1")[0], []string{"cp-1"}, []string{"w-1"})
			c.Nodes[1].KubeletVersion = versions("v1.24.1")[0]
		}, []string{"2 are allowed"}},
		"no API server is seen": {func(c *cluster.Cluster) { c.Nodes = c.Nodes[1:] }, nil},
	}
	for name, tt := range tests {
		c := half()
		tt.change(c)
		got := Skew(c)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		for _, w := range tt.want {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, w) }) {
				t.Errorf("%s: %v, want %q", name, got, w)
			}
		}
	}
}
