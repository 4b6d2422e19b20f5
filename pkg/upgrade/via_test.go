package upgrade

import (
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// TestVia types the same command at every point of the way, where only the first may be told that a release does not belong to it.
func TestVia(t *testing.T) {
	begun := &record.Run{To: version.MustParse("v1.35.4")}
	for what, tt := range map[string]struct {
		at, via string
		record  *record.Run
		want    string
	}{
		"before":                     {"v1.32.13", "v1.33.6", nil, ""},
		"off the way":                {"v1.33.6", "v1.33.6", nil, "v1.33.6 is not on the way"},
		"cut short, before it":       {"v1.32.13", "v1.33.6", begun, ""},
		"cut short, at it":           {"v1.33.6", "v1.33.6", begun, ""},
		"cut short, behind it":       {"v1.34.2", "v1.33.6", begun, ""},
		"cut short, but ahead of it": {"v1.32.13", "v1.36.1", begun, "v1.36.1 is not on the way"},
		"another one cut short":      {"v1.34.2", "v1.33.6", &record.Run{To: version.MustParse("v1.34.2")}, "v1.33.6 is not on the way"},
		"done":                       {"v1.35.4", "v1.33.6", nil, ""},
	} {
		u := &Upgrade{opts: Options{Via: []version.Version{version.MustParse(tt.via)}}}
		c := &cluster.Cluster{Kubeadm: cluster.KubeadmConfig{KubernetesVersion: version.MustParse(tt.at)}}
		p := &Prepared{Cluster: c, To: version.MustParse("v1.35.4"), Unfinished: tt.record}
		err := u.checkVia(p)
		said := ""
		for _, f := range p.Findings {
			said += f.Message
		}
		if (err == nil) != (tt.want == "") || !strings.Contains(said, tt.want) {
			t.Errorf("%s: error %v, findings %q; want %q", what, err, said, tt.want)
		}
	}
}

func TestEtcdViaBackAndForth(t *testing.T) {
	for what, tt := range map[string]struct {
		from, to, via string
		way           []string
		begun         bool
		want          string
	}{
		"on the way":           {"3.4.30", "3.6.11", "3.5.26", []string{"3.5.26", "3.6.11"}, false, ""},
		"off the way":          {"3.5.26", "3.6.11", "3.4.30", []string{"3.6.11"}, false, "3.4.30 is not on the way from 3.5.26 to 3.6.11, which leads through 3.6.11"},
		"passed":               {"3.5.26", "3.6.11", "3.5.26", []string{"3.6.11"}, true, ""},
		"passed, back":         {"3.6.11", "3.5.26", "3.6.11", []string{"3.5.26"}, true, ""},
		"back, not passed yet": {"3.7.1", "3.5.26", "3.6.10", []string{"3.6.11", "3.5.26"}, true, "3.6.10 is not on the way"},
	} {
		u := &Upgrade{opts: Options{Via: []version.Version{version.MustParse(tt.via)}}}
		p := &Prepared{To: version.MustParse(tt.to)}
		if tt.begun {
			p.Unfinished = &record.Run{To: p.To}
		}
		var hops []knowledge.Hop
		for _, v := range tt.way {
			hops = append(hops, knowledge.Hop{To: version.MustParse(v)})
		}
		said := ""
		for _, f := range u.checkEtcdVia(p, version.MustParse(tt.from), hops) {
			said += f.Message
		}
		if (said == "") != (tt.want == "") || !strings.Contains(said, tt.want) {
			t.Errorf("%s: %q, want %q", what, said, tt.want)
		}
	}
}
