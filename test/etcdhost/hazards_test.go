//go:build realetcd

package etcdhost

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// hazard is a state that members are brought into, and what preflight has to say of it.
type hazard struct {
	release string
	n       int
	args    []string
	// prepare comes before the start; bring, once all serve, brings them into the state, and may change what is asked.
	prepare func(t *testing.T, all []*member)
	bring   func(t *testing.T, all []*member, in *preflight.EtcdInput)
	to      string
	// via, if not empty, is where the way has to lead first, because of what runs.
	via string
	// want are findings, as ID and severity. Every other error is one too many.
	want []string
}

// TestHazards makes what must not be upgraded, of real servers, and has it found by what their hosts observe, before anything is changed.
func TestHazards(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]hazard{
		"healthy":                {release: "3.5.35", n: 3, to: "3.6.16"},
		"healthy, every minor":   {release: "3.2.32", n: 1, to: "3.7.3"},
		"a member down":          {release: "3.5.35", n: 3, bring: down(2), to: "3.6.16", want: []string{"etcd-member-down error"}},
		"no quorum":              {release: "3.5.35", n: 3, bring: down(1, 2), to: "3.6.16", want: []string{"etcd-member-down error", "etcd-no-leader error"}},
		"a learner":              {release: "3.5.35", n: 1, bring: learner, to: "3.6.16", want: []string{"etcd-learner error", "etcd-member-down error"}},
		"a full database":        {release: "3.5.35", n: 1, args: []string{"--quota-backend-bytes=300000"}, bring: fill, to: "3.6.16", want: []string{"etcd-alarm error", "etcd-quota warning"}},
		"a corrupt member":       {release: "3.6.16", n: 1, bring: corrupt, to: "3.7.3", want: []string{"etcd-alarm error"}},
		"no room on the disk":    {release: "3.5.35", n: 1, prepare: smallDisk, bring: fillDisk, to: "3.6.16", want: []string{"etcd-space error"}},
		"passwords before 3.5":   {release: "3.4.16", n: 1, bring: passwords, to: "3.5.35", want: []string{"etcd-auth error"}},
		"passwords":              {release: "3.5.35", n: 1, bring: passwords, to: "3.6.16", want: []string{"etcd-auth error", "etcd-none error"}},
		"v2 objects in etcd 3":   {release: "3.3.27", n: 1, bring: storedByV2, to: "3.6.16", want: []string{"etcd-v2-downtime error", "etcd-v2-release error"}},
		"keys of the v2 API":     {release: "3.5.35", n: 1, args: []string{"--enable-v2=true"}, bring: v2Keys, to: "3.6.16", want: []string{"etcd-flag-loses error", "etcd-v2-leftovers error"}},
		"a member of the past":   {release: "3.4.16", n: 1, bring: zombie, to: "3.6.16", want: []string{"etcd-zombie warning"}},
		"two clusters":           {release: "3.6.16", n: 2, prepare: apart, to: "3.7.3", want: []string{"etcd-views-differ error"}},
		"half upgraded":          {release: "3.5.35", n: 2, prepare: halfWay("3.6.16"), to: "3.6.16", want: []string{"etcd-mixed warning"}},
		"an older target":        {release: "3.6.16", n: 1, to: "3.5.35", want: []string{"etcd-older error"}},
		"objects by the v2 API":  {release: "2.3.8", n: 1, bring: storedByV2, to: "3.6.16", want: []string{"etcd-v2-downtime error"}},
		"snapshots in the data":  {release: "3.6.16", n: 1, bring: backupInside, to: "3.7.3", want: []string{"etcd-backup-inside error"}},
		"a release that is gone": {release: "3.4.16", n: 1, to: "3.6.99", want: []string{noWay}},

		// Releases that lose data: whoever runs one is told, and stays on it no longer than has to be.
		"3.4 before 3.4.4":  {release: "3.4.3", n: 1, to: "3.5.35", via: "3.5.35", want: []string{"etcd-bad-release warning"}},
		"3.5 before 3.5.3":  {release: "3.5.1", n: 3, to: "3.6.16", via: "3.5.35", want: []string{"etcd-bad-release warning"}},
		"3.5 before 3.5.6":  {release: "3.5.4", n: 1, to: "3.5.35", via: "3.5.35", want: []string{"etcd-bad-release warning"}},
		"3.5 before 3.5.20": {release: "3.5.16", n: 3, to: "3.6.16", via: "3.5.35"},
		"3.6 before 3.6.4":  {release: "3.6.1", n: 3, to: "3.7.3", via: "3.6.16", want: []string{"etcd-bad-release warning"}},
		"3.6 before 3.6.11": {release: "3.6.6", n: 3, to: "3.7.3", via: "3.6.16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := members(t, h.release, h.n, h.args...)
			if h.prepare != nil {
				h.prepare(t, all)
			}
			start(t, all)
			if v(h.release).Major > 2 {
				all[0].put(t, "a", 10)
			}
			in := &preflight.EtcdInput{Cluster: &cluster.Cluster{Kubeadm: cluster.KubeadmConfig{ExternalEtcd: true}}, To: v(h.to), BackupDir: all[0].dir}
			clients := []cluster.EtcdClient(nil)
			if h.bring != nil {
				h.bring(t, all, in)
			}
			if in.Cluster.Etcd != nil {
				clients = in.Cluster.Etcd.Clients
			}
			before := running(t, all)
			h.judge(t, all, in, clients)
			if after := running(t, all); !slices.Equal(before, after) {
				t.Errorf("what was to be judged was changed: %v, before %v", after, before)
			}
		})
	}
}

// noWay is what is wanted where no route is found at all.
const noWay = "no way"

// judge observes the members as their hosts do and compares what preflight finds.
func (h hazard) judge(t *testing.T, all []*member, in *preflight.EtcdInput, clients []cluster.EtcdClient) {
	t.Helper()
	hosts := map[string]hostaction.EtcdHost{}
	for _, m := range all {
		in.Cluster.Nodes = append(in.Cluster.Nodes, cluster.Node{Name: m.name, Role: cluster.ControlPlane, Ready: true})
		in.Nodes = append(in.Nodes, m.name)
		hosts[m.name] = m.facts(t, all)
	}
	in.Cluster.Etcd = observe.Etcd(in.Cluster, hosts)
	in.Cluster.Etcd.Clients = clients
	from := plan.EtcdVersion(in.Cluster.Etcd)
	switch {
	case len(in.Cluster.Etcd.OnV2()) > 0:
		in.Hops = plan.ConvertHop(from, in.To)
	case !from.IsZero() && !in.To.Less(from):
		var err error
		in.Hops, err = knowledge.Route(from, in.To, releases(t))
		if slices.Contains(h.want, noWay) {
			if err == nil {
				t.Errorf("a way was found: %+v", in.Hops)
			}
			return
		}
		must(t, err)
	}
	if h.via != "" && (len(in.Hops) == 0 || in.Hops[0].To != v(h.via)) {
		t.Errorf("the way leads over %+v, and has to begin with %s", in.Hops, h.via)
	}
	for _, p := range plan.CheckEtcd(plan.EtcdInput{Cluster: in.Cluster, To: in.To, Hops: in.Hops}) {
		in.Settings = append(in.Settings, preflight.EtcdSetting{Member: p.Member, Problem: p.Problem})
	}
	got, said := map[string]bool{}, []string{}
	for _, f := range preflight.Etcd(*in) {
		what := fmt.Sprintf("%s %s", f.ID, f.Severity)
		said = append(said, what+": "+f.Object+": "+f.Message)
		if f.Severity == preflight.Error || slices.Contains(h.want, what) {
			got[what] = true
		}
	}
	if found := slices.Sorted(maps.Keys(got)); !slices.Equal(found, h.want) {
		t.Errorf("found %v, want %v, of:\n%s", found, h.want, strings.Join(said, "\n"))
	}
}

// facts are what the host of a member says, with what the bytes of its data say. Here all hosts are one machine, where the agent would find every member.
func (m *member) facts(t *testing.T, all []*member) hostaction.EtcdHost {
	t.Helper()
	var out hostaction.EtcdHost
	c, err := ask.New(accessAll(m, all))
	must(t, err)
	got, err := c.Cluster(t.Context(), accessAll(m, all).Endpoints)
	if err != nil {
		return hostaction.EtcdHost{Error: err.Error()}
	}
	out.ClusterID, out.Version, out.Members = got.ID, got.Version, got.Values()
	p, runs, err := local.AtDataDir(m.data)
	must(t, err)
	if !runs {
		return out
	}
	l, err := local.OfProcess(t.Context(), m.units, p)
	must(t, err)
	_, err = l.Reach(t.Context(), nil)
	must(t, err)
	if l.Data, err = m.host(t).Data(t.Context(), l, got); err != nil {
		if local, _ := got.Local(); !local.Auth {
			t.Fatal(err)
		}
		l.DataRefused = err.Error()
	}
	out.Local, out.Process = m.name, &l.EtcdProcess
	for i := range out.Members {
		if out.Members[i].Name == m.name && out.Members[i].Quota == 0 {
			out.Members[i].Quota = l.Quota
		}
	}
	return out
}

// running are the processes of members and their programs.
func running(t *testing.T, all []*member) []string {
	t.Helper()
	var out []string
	for _, m := range all {
		p, _, err := local.AtDataDir(m.data)
		must(t, err)
		info, err := os.Stat(m.program)
		must(t, err)
		out = append(out, fmt.Sprint(m.name, p.PID, info.ModTime(), info.Size()))
	}
	return out
}

// releases are those whose programs are at hand.
func releases(t *testing.T) []version.Version {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(tools, "etcd-[0-9]*"))
	must(t, err)
	var out []version.Version
	for _, f := range found {
		out = append(out, v(strings.TrimPrefix(filepath.Base(f), "etcd-")))
	}
	return out
}
