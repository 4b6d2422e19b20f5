package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdInput is all that preflight judges before etcd is touched.
type EtcdInput struct {
	// Cluster has Etcd set once the hosts were asked; before, only what the API server tells is judged.
	Cluster *cluster.Cluster
	// To is the target; zero when nothing is to move, as before a snapshot.
	To   version.Version
	Hops []knowledge.Hop
	// Nodes are those that have to do with etcd.
	Nodes []string
	// Downgrade allows an older target, and Downtime a while without an API.
	Downgrade, Downtime bool
	// Images are the images that were looked for.
	Images []EtcdImage
	// Settings are what is wrong with the settings of members on the way.
	Settings []EtcdSetting
	// BackupDir is where on a host snapshots go; empty when none is taken.
	BackupDir string
	// Pinned is set when kubeadm's configuration is to name the image.
	Pinned bool
	// Begun are members that are down in the middle of their replacement, which goes on first.
	Begun []string
}

// EtcdImage is the image of a release, and what a node said when it was asked for it.
type EtcdImage struct {
	Node    string
	Version version.Version
	// Program is set where it is no image but a program that etcd-migrate brings along.
	Program bool
	// Errors are what the container runtime said of each reference; none when one of them could be had.
	Errors []string
}

// EtcdSetting is a problem of a member's settings.
type EtcdSetting struct {
	Member string
	knowledge.Problem
}

// Etcd judges etcd by every rule; errors come first.
func Etcd(in EtcdInput) []Finding {
	checks := []func(EtcdInput) []Finding{etcdNodes, etcdServers}
	if in.Cluster.Etcd != nil {
		checks = append(checks, etcdViews, etcdMembers, etcdPlaces, etcdBackup, etcdQuorum, etcdRoom, etcdReleases, etcdImages)
		if !in.To.IsZero() {
			checks = append(checks, etcdDirection, etcdAuth, etcdData, etcdSettings, etcdKubernetes, etcdConversion)
		}
	}
	var out []Finding
	for _, c := range checks {
		out = append(out, c(in)...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// etcdHealth judges etcd before an upgrade of the cluster, where somebody has asked for it: kubeadm does not begin while a member does not answer, and nothing
// can be written once a member has raised an alarm. What an upgrade of etcd itself wants beside that has no place here.
func etcdHealth(in Input) []Finding {
	if in.Cluster.Etcd == nil || len(in.Cluster.Etcd.Members) == 0 {
		return nil
	}
	etcd := EtcdInput{Cluster: in.Cluster}
	return slices.Concat(etcdMembers(etcd), etcdReleases(etcd))
}

func member(m cluster.EtcdMember) string {
	if m.Name == "" { // one that was added and has never started
		return "etcd member " + m.ID
	}
	if m.Node != "" && m.Node != m.Name {
		return fmt.Sprintf("etcd member %q on node %q", m.Name, m.Node)
	}
	return fmt.Sprintf("etcd member %q", m.Name)
}

// eachMember judges every member.
func eachMember(in EtcdInput, judge func(m cluster.EtcdMember) []Finding) []Finding {
	var out []Finding
	for _, m := range in.Cluster.Etcd.Members {
		out = append(out, judge(m)...)
	}
	return out
}

// etcdNodes wants every node that has to do with etcd: a member on a node that does not answer is as good as down.
func etcdNodes(in EtcdInput) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		if slices.Contains(in.Nodes, n.Name) && !n.Ready {
			out = append(out, Finding{ID: "node-not-ready", Severity: Error, Object: node(n), Message: "it is not Ready: " + n.NotReadyCause,
				Fix: "mend or remove the node first: etcd needs every other member while one is replaced"})
		}
	}
	return out
}

func etcdServers(in EtcdInput) []Finding {
	var out []Finding
	for _, n := range in.Cluster.OfRole(cluster.ControlPlane) {
		if s, ok := n.Component("kube-apiserver"); ok && n.Ready && !s.Ready {
			out = append(out, Finding{ID: StaticPodNotReady, Severity: Error, Object: "pod kube-system/kube-apiserver-" + n.Name, Message: "it is not Ready",
				Fix: "see why with: kubectl -n kube-system describe pod kube-apiserver-" + n.Name})
		}
	}
	return out
}

// etcdViews wants that everybody means the same cluster.
func etcdViews(in EtcdInput) []Finding {
	e := in.Cluster.Etcd
	var out []Finding
	if len(e.Members) == 0 {
		out = append(out, Finding{ID: "etcd-none", Severity: Error, Object: "etcd", Message: "no member was found on any host, and none behind the API servers",
			Fix: "see that etcd runs and answers"})
	}
	var first *cluster.EtcdView
	for i, v := range e.Views {
		switch {
		case v.Members == nil && strings.Contains(v.Error, "user name is empty"):
			out = append(out, Finding{ID: "etcd-auth", Severity: Error, Object: fmt.Sprintf("node %q", v.Node), Message: "authentication is enabled, and it tells nothing without a password: " + v.Error,
				Fix: noPasswords, Link: authGuide})
		case v.Error != "" && v.Members == nil:
			out = append(out, Finding{ID: "etcd-not-reached", Severity: Error, Object: fmt.Sprintf("node %q", v.Node), Message: "no etcd member answers it: " + v.Error,
				Fix: "see that etcd answers there, with the certificates that its manifest or the API server's names"})
		case first == nil:
			first = &e.Views[i]
		case v.ClusterID != first.ClusterID:
			out = append(out, Finding{ID: "etcd-views-differ", Severity: Error, Object: fmt.Sprintf("node %q", v.Node),
				Message: fmt.Sprintf("it belongs to etcd cluster %s, node %q to %s", v.ClusterID, first.Node, first.ClusterID),
				Fix:     "find out which of the two the API servers use, and take the other one away"})
		case !slices.Equal(v.Members, first.Members):
			out = append(out, Finding{ID: "etcd-views-differ", Severity: Error, Object: fmt.Sprintf("node %q", v.Node),
				Message: fmt.Sprintf("its member knows other members (%s) than that of node %q (%s)", strings.Join(v.Members, ", "), first.Node, strings.Join(first.Members, ", ")),
				Fix:     "wait until a change of members has reached all of them; see: etcdctl member list",
				Link:    "https://github.com/etcd-io/etcd/issues/20967"})
		}
	}
	for _, c := range e.Clients {
		for _, s := range c.Servers {
			if !serves(e, s, c.Node) {
				out = append(out, Finding{ID: "etcd-client-unmatched", Severity: Warning, Object: fmt.Sprintf("API server on node %q", c.Node),
					Message: fmt.Sprintf("--etcd-servers names %s, which is no address of a member", s), Fix: "correct --etcd-servers"})
			}
		}
		for _, o := range c.Overrides {
			out = append(out, Finding{ID: "etcd-overrides", Severity: Warning, Object: fmt.Sprintf("API server on node %q", c.Node),
				Message: fmt.Sprintf("--etcd-servers-overrides=%s is another etcd cluster, which is left as it is", o)})
		}
	}
	return out
}

// serves tells whether a member has an address; on the API server's own host it may be the local one.
func serves(e *cluster.Etcd, address, node string) bool {
	host, port := split(address)
	return slices.ContainsFunc(e.Members, func(m cluster.EtcdMember) bool {
		if m.Node == node && m.Node != "" && (host == "127.0.0.1" || host == "localhost" || host == "::1") {
			return true
		}
		return slices.ContainsFunc(m.ClientURLs, func(u string) bool {
			h, p := split(u)
			return h == host && p == port
		})
	})
}

// split takes the host and the port from a URL.
func split(address string) (host, port string) {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = address
	}
	rest, _, _ = strings.Cut(rest, "/")
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.HasSuffix(rest, "]") {
		return strings.Trim(rest, "[]"), ""
	}
	return strings.Trim(rest[:i], "[]"), rest[i+1:]
}

func etcdMembers(in EtcdInput) []Finding {
	e := in.Cluster.Etcd
	out := eachMember(in, func(m cluster.EtcdMember) []Finding {
		var out []Finding
		switch {
		case m.Error != "" && slices.Contains(in.Begun, m.Name):
			out = append(out, Finding{ID: "etcd-member-begun", Severity: Warning, Object: member(m), Message: "it is down in the middle of its replacement, which goes on first: " + m.Error})
		case m.Lost:
			out = append(out, Finding{ID: "etcd-voter-lost", Severity: Error, Object: member(m), Message: m.Error,
				Fix: "take it out with etcdctl member remove " + m.ID + ", and add it anew with an empty data directory", Link: knowledge.VotersSource})
		case m.Error != "":
			out = append(out, Finding{ID: "etcd-member-down", Severity: Error, Object: member(m), Message: "it does not answer: " + m.Error,
				Fix: "bring it back, or take it out of the cluster with: etcdctl member remove " + m.ID})
		}
		if m.Learner {
			out = append(out, Finding{ID: "etcd-learner", Severity: Error, Object: member(m), Message: "it is a learner, which counts for no quorum",
				Fix: "promote it with etcdctl member promote " + m.ID + ", or remove it", Link: "https://github.com/etcd-io/etcd/issues/19557"})
		}
		for _, a := range m.Alarms {
			f := Finding{ID: "etcd-alarm", Severity: Error, Object: member(m), Message: "it has raised the alarm " + a, Fix: "see https://etcd.io/docs/v3.6/op-guide/maintenance/ and disarm it: etcdctl alarm disarm"}
			if strings.Contains(strings.ToUpper(a), "CORRUPT") {
				f.Fix, f.Link = "replace the member that differs from the others by a new one", "https://etcd.io/docs/v3.5/op-guide/data_corruption/"
			}
			out = append(out, f)
		}
		if used := quotaUsed(m); used >= hazard.NearQuota {
			out = append(out, Finding{ID: "etcd-quota", Severity: Warning, Object: member(m),
				Message: fmt.Sprintf("its database of %s takes %d%% of its quota of %s: beyond that it refuses writes", bytes(m.DBSize), used, bytes(m.Quota)),
				Fix:     "compact and defragment, or raise --quota-backend-bytes first", Link: "https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota"})
		}
		return out
	})
	if _, ok := e.Leader(); !ok && len(e.Members) > 0 {
		out = append(out, Finding{ID: "etcd-no-leader", Severity: Error, Object: "etcd", Message: "no member says that it leads: without a leader nothing can be written",
			Fix: "see that a majority of members runs and reaches each other"})
	}
	return out
}

func quotaUsed(m cluster.EtcdMember) int64 {
	if m.Quota <= 0 {
		return 0
	}
	return m.DBSize * 100 / m.Quota
}

// etcdPlaces wants each member alone on a node of the cluster: what is not there cannot be reached, and two on a host cannot be told apart safely. Where a
// member that is down would run is not always known; that it is down is told of already.
func etcdPlaces(in EtcdInput) []Finding {
	var outside []string
	out := eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Error != "" && m.Node == "" {
			return nil
		}
		if m.Node == "" || m.Process == nil {
			outside = append(outside, fmt.Sprintf("%s (%s)", m.Name, strings.Join(m.ClientURLs, ", ")))
			return nil
		}
		if len(m.Process.Others) > 0 {
			return []Finding{{ID: "etcd-several-per-host", Severity: Error, Object: fmt.Sprintf("node %q", m.Node),
				Message: fmt.Sprintf("several etcd processes run there, with data in %s: which of them is which cannot be told safely", strings.Join(append([]string{m.Process.DataDir}, m.Process.Others...), ", ")),
				Fix:     "keep one member per host"}}
		}
		return nil
	})
	if len(outside) > 0 {
		to := "the target"
		if !in.To.IsZero() {
			to = "etcd " + in.To.Bare()
		}
		out = append(out, Finding{ID: "etcd-external", Severity: Error, Object: "etcd",
			Message: fmt.Sprintf("members run on no node of this cluster, where no agent can be sent: %s", strings.Join(outside, ", ")),
			Fix:     fmt.Sprintf("on each of their hosts, one after the other: stop etcd, put the program of %s in place, start it, and wait until etcdctl endpoint health --cluster is good", to),
			Link:    "https://etcd.io/docs/v3.6/upgrades/"})
	}
	return out
}

// etcdQuorum tells of clusters that cannot spare a member. That is no reason to refuse them, since no upgrade leaves one running throughout.
func etcdQuorum(in EtcdInput) []Finding {
	n := len(in.Cluster.Etcd.Members)
	if n == 0 || n > 2 || in.To.IsZero() {
		return nil
	}
	what := "the only member"
	if n == 2 {
		what = "each of the two members"
	}
	return []Finding{{ID: "etcd-quorum", Severity: Warning, Object: "etcd", Message: "there is no quorum without " + what + ": the API does not answer while it restarts",
		Fix: "add members first if that cannot be", Link: "https://etcd.io/docs/v3.6/faq/#why-an-odd-number-of-cluster-members"}}
}

// etcdRoom wants free space for a copy of the database and for what is written meanwhile. The factor is 2.2, times ten.
const etcdRoomFactor = 22

func etcdRoom(in EtcdInput) []Finding {
	return eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Process == nil || m.Process.Disk.Total == 0 {
			return nil
		}
		need := uint64(max(0, m.DBSize))*etcdRoomFactor/10 + spare
		if m.Process.Disk.Free >= need {
			return nil
		}
		return []Finding{{ID: "etcd-space", Severity: Error, Object: member(m),
			Message: fmt.Sprintf("%s has %s free; a database of %s needs %s beside it: 2.2 times its size, and some for what is written meanwhile",
				m.Process.DataDir, mib(m.Process.Disk.Free), bytes(m.DBSize), mib(need)),
			Fix: "make room there, or compact and defragment etcd"}}
	})
}

func bytes(n int64) string { return mib(uint64(max(0, n))) }

// etcdDirection holds the target against what runs.
func etcdDirection(in EtcdInput) []Finding {
	var versions []version.Version
	for _, m := range in.Cluster.Etcd.Members {
		if !m.Version.IsZero() {
			versions = append(versions, m.Version)
		}
	}
	if len(versions) == 0 {
		return nil
	}
	oldest, newest := slices.MinFunc(versions, version.Version.Compare), slices.MaxFunc(versions, version.Version.Compare)
	var out []Finding
	switch {
	case in.To.Less(newest) && !in.Downgrade:
		out = append(out, Finding{ID: "etcd-older", Severity: Error, Object: "--to " + in.To.Bare(),
			Message: fmt.Sprintf("a member runs %s, which is newer", newest.Bare()), Fix: "to go back, run: kubectl upgrade etcd downgrade --to " + in.To.MinorString()})
	case in.Downgrade && oldest.Less(in.To):
		out = append(out, Finding{ID: "etcd-newer", Severity: Error, Object: "--to " + in.To.Bare(),
			Message: fmt.Sprintf("a member runs %s, which is older", oldest.Bare()), Fix: "to go on, run: kubectl upgrade etcd --to " + in.To.Bare()})
	}
	if oldest != newest {
		f := Finding{ID: "etcd-mixed", Severity: Warning, Object: "etcd",
			Message: fmt.Sprintf("members run different releases, from %s to %s: an upgrade was cut short, and goes on", oldest.Bare(), newest.Bare())}
		if oldest.MinorsTo(newest) > 1 && oldest.Major == newest.Major {
			f.Severity, f.Message = Error, fmt.Sprintf("members run releases from %s to %s, more than one minor apart, which no etcd supports", oldest.Bare(), newest.Bare())
			f.Fix = "bring the newest member back to " + oldest.MinorString() + " or to its next minor"
		}
		out = append(out, f)
	}
	return out
}

// etcdReleases tells of releases that lose data: one that runs, and those that the way could not avoid.
func etcdReleases(in EtcdInput) []Finding {
	out := eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Version.IsZero() {
			return nil
		}
		for _, h := range knowledge.HazardsOf(m.Version, knowledge.Run) {
			if h.Advice || h.Condition != "" {
				continue
			}
			return []Finding{{ID: "etcd-bad-release", Severity: Warning, Object: member(m), Message: fmt.Sprintf("etcd %s %s", m.Version.Bare(), h.Why),
				Fix: "compare the members before you rely on their data: etcdctl endpoint hashkv --cluster", Link: h.Source}}
		}
		return nil
	})
	for _, h := range in.Hops {
		for _, a := range h.Advice {
			out = append(out, Finding{ID: "etcd-advice", Severity: Warning, Object: "etcd " + h.To.Bare(), Message: "on the way there no better release is at hand: " + a.Why, Link: a.Source})
		}
	}
	return out
}

const (
	noPasswords = "disable it for the time of the upgrade: etcdctl auth disable"
	authGuide   = "https://etcd.io/docs/v3.6/op-guide/authentication/rbac/"
)

// etcdAuth knows what must not be done while etcd asks for passwords.
func etcdAuth(in EtcdInput) []Finding {
	if !slices.ContainsFunc(in.Cluster.Etcd.Members, func(m cluster.EtcdMember) bool { return m.Auth }) {
		return nil
	}
	out := eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Process == nil || m.Process.DataRefused == "" {
			return nil
		}
		return []Finding{{ID: "etcd-auth", Severity: Error, Object: member(m), Message: "authentication is enabled, and it gives nobody its data who is not root: " + m.Process.DataRefused,
			Fix: noPasswords, Link: authGuide}}
	})
	for _, h := range in.Hops {
		if h.Kind == knowledge.Upgrade && h.To.MinorString() == "3.5" {
			out = append(out, Finding{ID: "etcd-auth", Severity: Error, Object: "etcd", Message: "authentication is enabled, with which 3.4 and 3.5 cannot run beside each other",
				Fix: noPasswords, Link: "https://github.com/etcd-io/etcd/issues/11943"})
		}
		for _, hazard := range knowledge.HazardsOf(h.From, knowledge.BeforeNext) {
			if h.Kind == knowledge.Upgrade && hazard.Condition != "" {
				out = append(out, Finding{ID: "etcd-auth", Severity: Error, Object: "etcd " + h.From.Bare(), Message: "authentication is enabled, and it " + hazard.Why,
					Fix: "go to " + hazard.Fixed().Bare() + " first", Link: hazard.Source})
			}
		}
	}
	return out
}

// etcdData judges what the bytes of the data say, which no running server tells.
func etcdData(in EtcdInput) []Finding {
	i := slices.IndexFunc(in.Hops, func(h knowledge.Hop) bool { return h.Kind == knowledge.Upgrade && h.To.MinorString() == "3.6" })
	if i < 0 {
		return nil
	}
	before := in.Hops[i].From
	// From this release on members that are gone are taken out of the database at every start.
	mended := version.MustParse("3.5.26")
	return eachMember(in, func(m cluster.EtcdMember) []Finding {
		if m.Process == nil || m.Process.Data == nil {
			return nil
		}
		d := m.Process.Data
		var out []Finding
		if d.V2Keys > 0 || d.V2Writes > 0 {
			var where []string
			for p, n := range d.V2Prefixes {
				where = append(where, fmt.Sprintf("%s: %d", p, n))
			}
			slices.Sort(where)
			out = append(out, Finding{ID: "etcd-v2-leftovers", Severity: Error, Object: member(m),
				Message: fmt.Sprintf("its data have %d keys of the v2 API (%s) and %d v2 requests in the log: 3.6 does not start on them", d.V2Keys, cmp.Or(strings.Join(where, ", "), "none by name"), d.V2Writes),
				Fix:     "take a snapshot and restore it, which leaves v2 data behind: kubectl upgrade etcd restore", Link: "https://github.com/etcd-io/etcd/issues/20809"})
		}
		for _, z := range d.Zombies {
			f := Finding{ID: "etcd-zombie", Severity: Error, Object: member(m), Message: z, Fix: "run 3.5.26 or newer on every member before", Link: "https://github.com/etcd-io/etcd/issues/20967"}
			if !before.Less(mended) && m.Version != before {
				f.Severity, f.Fix = Warning, "the way leads through "+before.Bare()+", which mends it"
			}
			out = append(out, f)
		}
		return out
	})
}

// v2On tells whether every member is told to serve the v2 API.
func v2On(e *cluster.Etcd) bool {
	return !slices.ContainsFunc(e.Members, func(m cluster.EtcdMember) bool {
		return m.Process == nil || !slices.Contains(m.Process.Args, "--enable-v2=true") && !slices.Contains(m.Process.Args, "--enable-v2") && !slices.Contains(m.Process.Env, "ETCD_ENABLE_V2=true")
	})
}

// etcdSettings tells of flags that a release on the way does not take: its member would not start.
func etcdSettings(in EtcdInput) []Finding {
	var out []Finding
	for _, s := range in.Settings {
		out = append(out, problem(s.Problem, fmt.Sprintf("etcd member %q", s.Member)))
	}
	return out
}

func problem(p knowledge.Problem, object string) Finding {
	f := Finding{ID: p.ID, Severity: Error, Object: object, Message: p.Message, Fix: p.Fix, Link: p.Source}
	if p.Warning {
		f.Severity = Warning
	}
	return f
}

func etcdImages(in EtcdInput) []Finding {
	var out []Finding
	for _, i := range in.Images {
		if len(i.Errors) == 0 {
			continue
		}
		if i.Program {
			out = append(out, Finding{ID: "etcd-program-missing", Severity: Error, Object: fmt.Sprintf("node %q", i.Node),
				Message: fmt.Sprintf("there is no program of etcd %s for it: %s", i.Version.Bare(), strings.Join(i.Errors, "; ")),
				Fix:     "choose a release that the image brings, or name an image of etcd-migrate that has it: --etcd-migrate-image"})
			continue
		}
		out = append(out, Finding{ID: "etcd-image-missing", Severity: Error, Object: fmt.Sprintf("node %q", i.Node),
			Message: fmt.Sprintf("no image of etcd %s can be had there: %s", i.Version.Bare(), strings.Join(i.Errors, "; ")),
			Fix:     "make it available in the registry that the node asks, or name another one with --etcd-image-repository, such as gcr.io/etcd-development/etcd"})
	}
	return out
}

// etcdKubernetes holds every release of the way against the API servers that use it, and the target against what kubeadm does next.
func etcdKubernetes(in EtcdInput) []Finding {
	var out []Finding
	k := in.Cluster.Kubeadm
	for _, p := range knowledge.CheckPairing(k.KubernetesVersion, in.To) {
		switch {
		case p.ID == "etcd-below-minimum" && !k.ExternalEtcd,
			strings.HasPrefix(p.ID, "kubeadm-") && k.ExternalEtcd,
			p.ID == "etcd-newer" && (in.Pinned || k.ExternalEtcd):
			continue
		}
		// It is about what kubeadm does later, not about this upgrade.
		p.Warning = true
		out = append(out, problem(p, "kubeadm "+k.KubernetesVersion.String()))
	}
	for _, c := range in.Cluster.Etcd.Clients {
		n, _ := in.Cluster.Node(c.Node)
		v := k.KubernetesVersion
		if s, ok := n.Component("kube-apiserver"); ok && !s.Version.IsZero() {
			v = s.Version
		}
		seen := map[string]bool{}
		for _, h := range in.Hops {
			if h.Kind == knowledge.Convert {
				continue // the backend goes over with it
			}
			for _, p := range knowledge.CheckBackend(v, c.Backend, h.To) {
				// The API servers would be without etcd as soon as its members are replaced.
				p.Warning = p.Warning && (p.ID != "v2-api-off" || v2On(in.Cluster.Etcd))
				if !seen[p.ID] {
					out = append(out, problem(p, fmt.Sprintf("API server on node %q", c.Node)))
				}
				seen[p.ID] = true
			}
		}
	}
	return out
}
