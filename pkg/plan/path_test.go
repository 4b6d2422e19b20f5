package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func versions(texts ...string) []version.Version {
	var out []version.Version
	for _, t := range texts {
		out = append(out, version.MustParse(t))
	}
	return out
}

func TestPath(t *testing.T) {
	offered := map[string][]version.Version{"1.33": versions("v1.33.2", "v1.33.13", "v1.33.14-rc.0"), "1.34": versions("v1.34.4")}
	tests := map[string]struct {
		change func(*cluster.Cluster)
		to     string
		via    []version.Version
		want   []version.Version
		err    string
	}{
		"newest of each minor":              {to: "v1.35.4", want: versions("v1.33.13", "v1.34.4", "v1.35.4")},
		"next minor":                        {to: "v1.33.2", want: versions("v1.33.2")},
		"same minor":                        {to: "v1.32.14", want: versions("v1.32.14")},
		"as the operator fixed it":          {to: "v1.35.4", via: versions("v1.33.2"), want: versions("v1.33.2", "v1.34.4", "v1.35.4")},
		"a minor that is offered by nobody": {to: "v1.36.0", err: "1.35"},
		"a climb cut short goes on as it began": {
			change: func(c *cluster.Cluster) {
				c.Kubeadm.KubernetesVersion = version.MustParse("v1.33.2")
				c.Nodes[0].StaticPods[0].Version = version.MustParse("v1.33.2")
			}, to: "v1.35.4", via: versions("v1.33.13"), want: versions("v1.33.2", "v1.34.4", "v1.35.4"),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := build(version.MustParse("v1.32.13"), []string{"cp-1", "cp-2"}, nil)
			if tt.change != nil {
				tt.change(c)
			}
			got, err := Path(c, version.MustParse(tt.to), offered, tt.via)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one that names %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestVersionsOfTheirOwn: what others run as static pods of the control plane tells nothing of Kubernetes. It is built by hand: no recorded cluster runs one.
func TestVersionsOfTheirOwn(t *testing.T) {
	for _, other := range []string{"v0.8.0", "v1.33.9"} {
		c := build(version.MustParse("v1.32.13"), []string{"cp-1"}, nil)
		c.Nodes[0].StaticPods = append(c.Nodes[0].StaticPods, cluster.StaticPod{Component: "kube-vip", Version: version.MustParse(other), Ready: true})
		if got := ControlPlaneVersion(c); got != version.MustParse("v1.32.13") {
			t.Errorf("with %s beside it the control plane is at %s", other, got)
		}
		got, err := Path(c, version.MustParse("v1.34.4"), map[string][]version.Version{"1.33": versions("v1.33.13")}, nil)
		if want := versions("v1.33.13", "v1.34.4"); err != nil || !slices.Equal(got, want) {
			t.Errorf("with %s beside it the way is %v, %v; want %v", other, got, err, want)
		}
		if got := Skew(c); len(got) > 0 {
			t.Errorf("with %s beside it there is a skew: %v", other, got)
		}
	}
}

func TestCheckVia(t *testing.T) {
	c := build(version.MustParse("v1.32.13"), []string{"cp-1"}, nil)
	for want, via := range map[string][]version.Version{
		"":                           versions("v1.33.2", "v1.34.1"),
		"v1.35.1 is not on the way":  versions("v1.35.1"),
		"v1.32.14 is not on the way": versions("v1.32.14"),
		"are of the same minor":      versions("v1.33.2", "v1.33.3"),
	} {
		err := CheckVia(c, version.MustParse("v1.35.4"), via)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("via %v: error %v, want %q", via, err, want)
		}
	}
}

// TestStops wants every kubelet to move as rarely as kubeadm lets it.
func TestStops(t *testing.T) {
	tests := map[string]struct {
		controlPlane, kubelet string
		path                  []version.Version
		want                  map[string]int // nodes that move, by version
	}{
		"three minors, one drain":                 {"v1.32.13", "v1.32.13", versions("v1.33.13", "v1.34.4", "v1.35.4"), map[string]int{"v1.35.4": 2}},
		"four minors, two drains":                 {"v1.31.1", "v1.31.1", versions("v1.32.1", "v1.33.1", "v1.34.1", "v1.35.1"), map[string]int{"v1.34.1": 2, "v1.35.1": 2}},
		"kubeadm up to 1.28 allows one":           {"v1.26.1", "v1.26.1", versions("v1.27.1", "v1.28.1"), map[string]int{"v1.27.1": 2, "v1.28.1": 2}},
		"1.29 is the first to allow three":        {"v1.27.1", "v1.27.1", versions("v1.28.1", "v1.29.1", "v1.30.1"), map[string]int{"v1.30.1": 2}},
		"kubelets that are behind from the start": {"v1.34.1", "v1.31.1", versions("v1.35.1"), map[string]int{"v1.34.1": 2, "v1.35.1": 2}},
		"kubelets as far behind as is allowed":    {"v1.34.1", "v1.32.1", versions("v1.35.1"), map[string]int{"v1.35.1": 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := build(version.MustParse(tt.controlPlane), []string{"cp-1"}, []string{"w-1"})
			for i := range c.Nodes {
				c.Nodes[i].KubeletVersion = version.MustParse(tt.kubelet)
			}
			got := map[string]int{}
			stops := Stops(c, tt.path)
			for _, s := range stops {
				if len(s.Nodes) > 0 {
					got[s.Version.String()] = len(s.Nodes)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			lagging(t, c, stops)
		})
	}
}

// TestStopForFlags: a worker stops where kubeadm takes a flag out that later kubelets do not know, and only where it has the flag.
func TestStopForFlags(t *testing.T) {
	path := versions("v1.35.4", "v1.36.3")
	for _, has := range []bool{true, false} {
		c := build(version.MustParse("v1.34.4"), []string{"cp-1"}, []string{"w-1", "w-2"})
		if has {
			for i := range c.Nodes[:2] {
				c.Nodes[i].Host.KubeletArgs = []cluster.HostFlag{{Flag: cluster.Flag{Name: "pod-infra-container-image", Value: "p"}, File: "/var/lib/kubelet/kubeadm-flags.env"}}
			}
		}
		stops := Stops(c, path)
		var want []string
		if has {
			want = []string{"w-1"}
		}
		if len(stops) != 2 || !slices.Equal(stops[0].Nodes, want) || len(stops[1].Nodes) != 3 {
			t.Errorf("with the flag %t: stops %+v", has, stops)
		}
		if reasons := strings.Join(why(c, stops), "\n"); has != strings.Contains(reasons, "1 of 3 nodes are drained at v1.35.4 already: only its kubeadm") {
			t.Errorf("with the flag %t: %s", has, reasons)
		}
	}
	// That of the last release is where they go anyway.
	c := build(version.MustParse("v1.34.4"), []string{"cp-1"}, []string{"w-1"})
	c.Nodes[1].Host.KubeletArgs = []cluster.HostFlag{{Flag: cluster.Flag{Name: "pod-infra-container-image", Value: "p"}, File: "/var/lib/kubelet/kubeadm-flags.env"}}
	if stops := Stops(c, path[:1]); len(stops) != 1 || len(stops[0].Nodes) != 2 {
		t.Errorf("stops %+v", stops)
	}
}

// lagging fails when a kubelet would be further behind, or ahead, than kubeadm of the next version allows.
func lagging(t *testing.T, c *cluster.Cluster, stops []Stop) {
	t.Helper()
	at := map[string]version.Version{}
	for _, n := range c.Nodes {
		at[n.Name] = n.KubeletVersion
	}
	for i, s := range stops {
		for _, n := range s.Nodes {
			at[n] = s.Version
		}
		if i+1 == len(stops) {
			break
		}
		next := stops[i+1].Version
		for n, k := range at {
			if k.MinorsTo(next) > knowledge.KubeletLag(next) {
				t.Errorf("kubelet of %s is at %s when the control plane goes to %s", n, k, next)
			}
		}
	}
}
