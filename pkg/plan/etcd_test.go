package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// kubeadmEtcd is what kubeadm 1.33 writes for a member.
const kubeadmEtcd = `apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://IP:2379
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://IP:2379
    - --cert-file=/etc/kubernetes/pki/etcd/server.crt
    - --data-dir=/var/lib/etcd
    - --experimental-initial-corrupt-check=true # ours since 2023
    - --experimental-watch-progress-notify-interval=5s
    - --initial-advertise-peer-urls=https://IP:2380
    - --listen-client-urls=https://127.0.0.1:2379,https://IP:2379
    - --listen-metrics-urls=http://127.0.0.1:2381
    - --name=NAME
    image: registry.k8s.io/etcd:3.5.21-0
    name: etcd
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
  hostNetwork: true
  volumes:
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
`

func v(s string) version.Version { return version.MustParse(s) }

// stacked makes a cluster with kubeadm's etcd, led by the first member.
func stacked(release string, names ...string) *cluster.Cluster {
	c := build(v("v1.33.4"), names, []string{"w-1"})
	c.Etcd = &cluster.Etcd{ID: "c1"}
	for i, n := range names {
		ip := fmt.Sprintf("10.0.0.%d", i+1)
		text := strings.NewReplacer("IP", ip, "NAME", n, "3.5.21", release).Replace(kubeadmEtcd)
		c.Etcd.Members = append(c.Etcd.Members, cluster.EtcdMember{
			Name: n, ID: "id-" + n, Node: n, Leader: i == 0, ClientURLs: []string{"https://" + ip + ":2379"}, PeerURLs: []string{"https://" + ip + ":2380"},
			EtcdStatus: cluster.EtcdStatus{Version: v(release)},
			Process: &cluster.EtcdProcess{Run: cluster.EtcdAsPod, Image: "registry.k8s.io/etcd:" + release + "-0", DataDir: "/var/lib/etcd", ClientURL: "https://127.0.0.1:2379",
				CAFile: "/ca", CertFile: "/crt", KeyFile: "/key", Files: []cluster.TextFile{{Path: "/etc/kubernetes/manifests/etcd.yaml", Kind: "manifest", Text: text}}},
		})
	}
	return c
}

// etcdInput goes the way that Route finds with the releases, every image at hand.
func etcdInput(t *testing.T, c *cluster.Cluster, to string, at ...string) EtcdInput {
	t.Helper()
	in := EtcdInput{Cluster: c, To: v(to), SnapshotName: "s.db", Options: EtcdOptions{BackupDir: "/var/lib/etcd-backup"}, Images: map[version.Version]map[string]string{}}
	available := []version.Version{v(to)}
	for _, r := range at {
		available = append(available, v(r))
	}
	from := EtcdVersion(c.Etcd)
	if v(to).Less(from) {
		from = NewestEtcdVersion(c.Etcd)
	}
	hops, err := knowledge.Route(from, v(to), available)
	if err != nil {
		t.Fatal(err)
	}
	in.Hops = hops
	for _, r := range available {
		in.Images[r] = map[string]string{}
		for _, m := range c.Etcd.Members {
			in.Images[r][m.Node] = "registry.k8s.io/etcd:" + r.Bare() + "-0"
		}
	}
	return in
}

func etcdSteps(t *testing.T, in EtcdInput) ([]string, *Plan) {
	t.Helper()
	p, err := ForEtcd(in)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for s := range p.Steps() {
		out = append(out, s.ID)
	}
	return out, p
}

func TestWholeUpgradeOfEtcd(t *testing.T) {
	got, p := etcdSteps(t, etcdInput(t, stacked("3.5.21", "cp-1", "cp-2", "cp-3"), "3.6.16", "3.5.35"))
	want := []string{
		"prepare/cp-1/3.5/image", "prepare/cp-1/3.6/image", "prepare/cp-2/3.5/image", "prepare/cp-2/3.6/image", "prepare/cp-3/3.5/image", "prepare/cp-3/3.6/image",
		"snapshot/cp-1/take",
		// The leader is last, and gives the leadership to the first that is done, which is last at the next release.
		"3.5/members/cp-2/leader", "3.5/members/cp-2/replace", "3.5/members/cp-2/serves",
		"3.5/members/cp-3/leader", "3.5/members/cp-3/replace", "3.5/members/cp-3/serves",
		"3.5/members/cp-1/leader", "3.5/members/cp-1/replace", "3.5/members/cp-1/serves",
		"3.5/agree/members",
		"3.6/members/cp-1/leader", "3.6/members/cp-1/replace", "3.6/members/cp-1/serves",
		"3.6/members/cp-3/leader", "3.6/members/cp-3/replace", "3.6/members/cp-3/serves",
		"3.6/members/cp-2/leader", "3.6/members/cp-2/replace", "3.6/members/cp-2/serves",
		"3.6/agree/members",
		"finish/snapshot", "finish/kubeadm", "finish/verify",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if p.Kind != EtcdKind || p.From != v("3.5.21") || p.To != v("3.6.16") || p.Title() != "Upgrade etcd 3.5.21 to 3.6.16" {
		t.Errorf("%s %s from %s to %s", p.Kind, p.Title(), p.From, p.To)
	}
	if s := p.Etcd.Snapshot; s.Node != "cp-1" || s.Path != "/var/lib/etcd-backup/s.db" {
		t.Errorf("snapshot %+v", s)
	}
}

// find gives a step of a plan with its parameters.
func params[T any](t *testing.T, p *Plan, id string) T {
	t.Helper()
	steps := slices.Collect(p.Steps())
	i := slices.IndexFunc(steps, func(s Step) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("no step %s", id)
	}
	out, err := Params[T](steps[i])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFilesOfOneReleaseAreThoseThatTheNextOneStartsFrom(t *testing.T) {
	c := stacked("3.5.21", "cp-1", "cp-2", "cp-3")
	_, p := etcdSteps(t, etcdInput(t, c, "3.7.3", "3.5.35", "3.6.16"))
	before := c.Etcd.Members[1].Process.Files[0].Text
	for _, hop := range []struct{ id, image, has, hasNot string }{
		{"3.5/members/cp-2/replace", "etcd:3.5.35-0", "--experimental-initial-corrupt-check=true # ours since 2023", "feature-gates"},
		{"3.6/members/cp-2/replace", "etcd:3.6.16-0", "--feature-gates=InitialCorruptCheck=true # ours since 2023", "experimental-"},
		{"3.7/members/cp-2/replace", "etcd:3.7.3-0", "--watch-progress-notify-interval=5s", "experimental-"},
	} {
		a := params[hostaction.EtcdReplace](t, p, hop.id)
		if len(a.Files) != 1 || a.Files[0].Before != Sum(before) {
			t.Fatalf("%s: files %+v do not start from what is there", hop.id, a.Files)
		}
		after := a.Files[0].After
		for _, want := range []string{hop.image, hop.has, "--name=cp-2"} {
			if !strings.Contains(after, want) {
				t.Errorf("%s: no %q in\n%s", hop.id, want, after)
			}
		}
		if strings.Contains(after, hop.hasNot) {
			t.Errorf("%s: %q in\n%s", hop.id, hop.hasNot, after)
		}
		before = after
	}
	a := params[hostaction.EtcdReplace](t, p, "3.6/members/cp-2/replace")
	if a.From != v("3.5.35") || a.Version != v("3.6.16") || a.Name != "cp-2" || a.Run != cluster.EtcdAsPod {
		t.Errorf("replace %s by %s of %s %s", a.From, a.Version, a.Run, a.Name)
	}
	if d := cmp.Diff([]string{"https://127.0.0.1:2379", "https://10.0.0.1:2379", "https://10.0.0.3:2379"}, a.Access.Endpoints); d != "" {
		t.Error(d)
	}
	var diffs []string
	for _, ch := range p.Etcd.Changes {
		if ch.Member == "cp-2" {
			diffs = append(diffs, ch.Diff)
		}
	}
	if len(diffs) != 3 || !strings.Contains(diffs[0], "+    image: registry.k8s.io/etcd:3.5.35-0") {
		t.Errorf("changes to show: %q", diffs)
	}
}

// TestRestOfEtcd gives a cluster that was left half upgraded, and wants exactly the rest.
func TestRestOfEtcd(t *testing.T) {
	at := func(c *cluster.Cluster, name, release string) {
		i := slices.IndexFunc(c.Etcd.Members, func(m cluster.EtcdMember) bool { return m.Name == name })
		m := &c.Etcd.Members[i]
		f := &m.Process.Files[0]
		f.Text = strings.Replace(f.Text, m.Process.Image, "registry.k8s.io/etcd:"+release+"-0", 1)
		m.Version, m.Process.Image = v(release), "registry.k8s.io/etcd:"+release+"-0"
	}
	tests := map[string]struct {
		change func(*cluster.Cluster)
		want   []string // the groups of members and agreements, in order
	}{
		"nothing done": {func(*cluster.Cluster) {}, []string{
			"3.5/members/cp-2", "3.5/members/cp-3", "3.5/members/cp-1", "3.5/agree/cluster", "3.6/members/cp-1", "3.6/members/cp-3", "3.6/members/cp-2", "3.6/agree/cluster"}},
		"one member at the release between": {func(c *cluster.Cluster) { at(c, "cp-2", "3.5.35") }, []string{
			"3.5/members/cp-3", "3.5/members/cp-1", "3.5/agree/cluster", "3.6/members/cp-1", "3.6/members/cp-3", "3.6/members/cp-2", "3.6/agree/cluster"}},
		"all at the release between": {func(c *cluster.Cluster) { at(c, "cp-1", "3.5.35"); at(c, "cp-2", "3.5.35"); at(c, "cp-3", "3.5.35") }, []string{
			"3.6/members/cp-2", "3.6/members/cp-3", "3.6/members/cp-1", "3.6/agree/cluster"}},
		"one at the target": {func(c *cluster.Cluster) { at(c, "cp-1", "3.5.35"); at(c, "cp-2", "3.6.16"); at(c, "cp-3", "3.5.35") }, []string{
			"3.6/members/cp-3", "3.6/members/cp-1", "3.6/agree/cluster"}},
		"kubeadm took one past the release between": {func(c *cluster.Cluster) { at(c, "cp-2", "3.6.16") }, []string{
			"3.5/members/cp-3", "3.5/members/cp-1", "3.6/members/cp-1", "3.6/members/cp-3", "3.6/agree/cluster"}},
		"one down on its way to the target": {func(c *cluster.Cluster) {
			at(c, "cp-1", "3.5.35")
			at(c, "cp-2", "3.5.35")
			at(c, "cp-3", "3.6.16")
			c.Etcd.Members[2].Error, c.Etcd.Members[2].Version = "connection refused", v("3.5.35")
		}, []string{"3.6/members/cp-3", "3.6/members/cp-2", "3.6/members/cp-1", "3.6/agree/cluster"}},
		"all done": {func(c *cluster.Cluster) { at(c, "cp-1", "3.6.16"); at(c, "cp-2", "3.6.16"); at(c, "cp-3", "3.6.16") }, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := stacked("3.5.21", "cp-1", "cp-2", "cp-3")
			tt.change(c)
			p, err := ForEtcd(etcdInput(t, c, "3.6.16", "3.5.35"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ph := range p.Phases {
				if strings.HasPrefix(ph.ID, "3.") {
					for _, g := range ph.Groups {
						got = append(got, g.ID)
					}
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNothingToDoForEtcd(t *testing.T) {
	c := stacked("3.6.16", "cp-1", "cp-2", "cp-3")
	c.Kubeadm.EtcdImageTag = "3.6.16-0"
	p, err := ForEtcd(etcdInput(t, c, "3.6.16"))
	if err != nil || !p.Empty() {
		t.Fatalf("plan of an upgraded etcd: %+v, %v; want it empty", p, err)
	}
	// That kubeadm was not told is something to do.
	c.Kubeadm.EtcdImageTag = ""
	got, _ := etcdSteps(t, etcdInput(t, c, "3.6.16"))
	if d := cmp.Diff([]string{"finish/kubeadm", "finish/verify"}, got); d != "" {
		t.Error(d)
	}
}

func TestTheSnapshotOfAnUpgradeThatWasBegunCounts(t *testing.T) {
	in := etcdInput(t, stacked("3.5.35", "cp-1", "cp-2", "cp-3"), "3.6.16")
	_, begun := etcdSteps(t, in)
	in.SnapshotName = "later.db"
	_, p := etcdSteps(t, in)
	if p.Etcd.Snapshot.Path != "/var/lib/etcd-backup/later.db" {
		t.Errorf("a new upgrade has snapshot %+v", p.Etcd.Snapshot)
	}
	in.Begun = begun
	if _, p := etcdSteps(t, in); p.Etcd.Snapshot != begun.Etcd.Snapshot {
		t.Errorf("an upgrade that goes on has snapshot %+v", p.Etcd.Snapshot)
	}
	in.Begun, in.Saved = nil, begun
	if _, p := etcdSteps(t, in); p.Digest != begun.Digest {
		t.Errorf("a saved plan that is made again is another one: %v", Differences(begun, p))
	}
	in.Cluster.Etcd.Members[0].Leader, in.Cluster.Etcd.Members[1].Leader = false, true
	if _, p := etcdSteps(t, in); p.Digest != begun.Digest {
		t.Errorf("a saved plan is stale since another member leads: %v", Differences(begun, p))
	}
}

// TestAgreementOfAHopThatWasCutShort: once all members are replaced the hop is passed, but nobody has said yet that they agree.
func TestAgreementOfAHopThatWasCutShort(t *testing.T) {
	in := etcdInput(t, stacked("3.5.21", "cp-1", "cp-2", "cp-3"), "3.6.16", "3.5.35")
	_, begun := etcdSteps(t, in)
	for at, want := range map[string][]string{"3.5.35": {"3.5/agree/members", "3.6/agree/members"}, "3.6.16": {"3.6/agree/members"}, "3.5.21": {"3.5/agree/members", "3.6/agree/members"}} {
		var hops []string
		for _, h := range []string{"3.5.35", "3.6.16"} {
			if v(at).Less(v(h)) {
				hops = append(hops, h)
			}
		}
		c := stacked(at, "cp-1", "cp-2", "cp-3")
		in := etcdInput(t, c, "3.6.16", hops...)
		if len(hops) == 0 {
			in.Hops = nil
		}
		in.Begun = begun
		got, p := etcdSteps(t, in)
		agreements := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !strings.HasSuffix(id, agreed) })
		if d := cmp.Diff(want, agreements); d != "" {
			t.Errorf("all at %s: %s", at, d)
		}
		if !slices.Contains(got, "finish/snapshot") || p.Etcd.Snapshot != begun.Etcd.Snapshot {
			t.Errorf("all at %s: the snapshot of before is not looked at: %q", at, got)
		}
		c.Etcd.Members[1].Error = "it does not answer"
		if at == "3.6.16" {
			if got, _ := etcdSteps(t, in); slices.Contains(got, "3.6/agree/members") {
				t.Errorf("members agree of which one does not answer: %q", got)
			}
		}
		// The plan of the run that goes on is what the next one finds.
		if in.Begun = p; at == "3.5.35" {
			c.Etcd.Members[1].Error = ""
			if again, _ := etcdSteps(t, in); !slices.Contains(again, "3.5/agree/members") {
				t.Errorf("cut short again: %q", again)
			}
		}
	}
}

func TestDowngradeOfEtcd(t *testing.T) {
	in := etcdInput(t, stacked("3.6.16", "cp-1", "cp-2", "cp-3"), "3.5.35")
	in.Options.Downgrade = true
	got, p := etcdSteps(t, in)
	want := []string{
		"prepare/cp-1/3.5/image", "prepare/cp-2/3.5/image", "prepare/cp-3/3.5/image", "snapshot/cp-1/take", "3.5/downgrade/enable",
		"3.5/members/cp-2/leader", "3.5/members/cp-2/replace", "3.5/members/cp-2/serves",
		"3.5/members/cp-3/leader", "3.5/members/cp-3/replace", "3.5/members/cp-3/serves",
		"3.5/members/cp-1/leader", "3.5/members/cp-1/replace", "3.5/members/cp-1/serves",
		"3.5/agree/members", "finish/snapshot", "finish/kubeadm", "finish/verify",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if p.Title() != "Downgrade etcd 3.6.16 to 3.5.35" {
		t.Error(p.Title())
	}
}

func TestASingleMemberGivesNoLeadershipAway(t *testing.T) {
	got, p := etcdSteps(t, etcdInput(t, stacked("3.5.35", "cp-1"), "3.6.16"))
	if slices.Contains(got, "3.6/members/cp-1/leader") {
		t.Error("there is nobody to give the leadership to")
	}
	if !slices.ContainsFunc(p.Reasons, func(r string) bool { return strings.Contains(r, "the API is away") }) {
		t.Errorf("reasons %q do not tell of the interruption", p.Reasons)
	}
}

func TestWhatKubeadmIsTold(t *testing.T) {
	k := func(tag, repository, etcdRepository string) cluster.KubeadmConfig {
		return cluster.KubeadmConfig{KubernetesVersion: v("v1.33.4"), ImageRepository: repository, EtcdImageTag: tag, EtcdImageRepository: etcdRepository}
	}
	tests := map[string]struct {
		kubeadm cluster.KubeadmConfig
		etcd    string
		image   string
		want    KubeadmEtcdParams
		pinned  bool
	}{
		"older than kubeadm's own":         {k("", "", ""), "3.5.16", "registry.k8s.io/etcd:3.5.16-0", KubeadmEtcdParams{}, false},
		"newer":                            {k("", "", ""), "3.6.16", "registry.k8s.io/etcd:3.6.16-0", KubeadmEtcdParams{ImageTag: "3.6.16-0"}, true},
		"from kubeadm's own repository":    {k("", "registry.local/k8s", ""), "3.6.16", "registry.local/k8s/etcd:3.6.16-0", KubeadmEtcdParams{ImageTag: "3.6.16-0"}, true},
		"from another repository":          {k("", "", ""), "3.6.16", "gcr.io/etcd-development/etcd:v3.6.16", KubeadmEtcdParams{ImageTag: "v3.6.16", ImageRepository: "gcr.io/etcd-development"}, true},
		"an older tag was written":         {k("3.5.9-0", "", ""), "3.5.16", "registry.k8s.io/etcd:3.5.16-0", KubeadmEtcdParams{ImageTag: "3.5.16-0"}, true},
		"the tag was written":              {k("3.6.16-0", "", ""), "3.6.16", "registry.k8s.io/etcd:3.6.16-0", KubeadmEtcdParams{ImageTag: "3.6.16-0"}, false},
		"a name that kubeadm cannot say":   {k("", "", ""), "3.6.16", "registry.local/our-etcd:3.6.16", KubeadmEtcdParams{}, false},
		"a digest that kubeadm cannot say": {k("", "", ""), "3.6.16", "registry.k8s.io/etcd:3.6.16-0@sha256:00", KubeadmEtcdParams{}, false},
	}
	for name, tt := range tests {
		got, pinned, _ := KubeadmPin(tt.kubeadm, v(tt.etcd), tt.image)
		if pinned != tt.pinned || pinned && got != tt.want {
			t.Errorf("%s: %+v, %t; want %+v, %t", name, got, pinned, tt.want, tt.pinned)
		}
	}
}

func TestImagesToLookFor(t *testing.T) {
	tests := []struct{ current, repository, release, first string }{
		{"registry.k8s.io/etcd:3.5.21-0", "", "3.6.16", "registry.k8s.io/etcd:3.6.16-0"},
		{"registry.k8s.io/etcd:3.3.15-0", "", "3.4.9", "registry.k8s.io/etcd:3.4.9-1"},
		{"quay.io/coreos/etcd:v3.5.9", "", "3.6.16", "quay.io/coreos/etcd:v3.6.16"},
		{"localhost:5000/etcd:3.5.21-0@sha256:00", "", "3.6.16", "localhost:5000/etcd:3.6.16-0"},
		{"registry.k8s.io/etcd:3.5.21-0", "gcr.io/etcd-development/etcd/", "3.6.16", "gcr.io/etcd-development/etcd:3.6.16-0"},
	}
	for _, tt := range tests {
		got := EtcdImages(tt.current, tt.repository, v(tt.release))
		if got[0] != tt.first {
			t.Errorf("%s, %s: first %s; want %s", tt.current, tt.repository, got[0], tt.first)
		}
		repository := Repository(tt.first)
		for _, tag := range []string{tt.release + "-0", "v" + tt.release, tt.release} {
			if !slices.Contains(got, repository+":"+tag) {
				t.Errorf("%s: %v; tag %s is missing", tt.current, got, tag)
			}
		}
	}
}

func TestCandidatesLeaveOutWhatIsNotFit(t *testing.T) {
	got := EtcdCandidates("3.6", []version.Version{v("3.6.2"), v("3.6.12"), v("3.5.35")}, knowledge.Run, knowledge.BeforeNext)
	if d := cmp.Diff([]version.Version{v("3.6.16"), v("3.6.12")}, got); d != "" {
		t.Error(d)
	}
}

func TestAbortOfEtcdLeavesMembersAsTheyAre(t *testing.T) {
	c := stacked("3.5.35", "cp-1", "cp-2", "cp-3")
	_, begun := etcdSteps(t, etcdInput(t, c, "3.6.16"))
	c.Etcd.Members[1].Version = v("3.6.16")
	p, err := AbortEtcd(AbortEtcdInput{Cluster: c, From: v("3.5.35"), To: v("3.6.16"), Begun: begun})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for s := range p.Steps() {
		ids = append(ids, s.ID)
		if s.Changes {
			t.Errorf("step %s changes something", s.ID)
		}
	}
	if d := cmp.Diff([]string{"finish/serving"}, ids); d != "" {
		t.Error(d)
	}
	told := strings.Join(p.Reasons, "\n")
	for _, want := range []string{"cp-2 runs 3.6.16, and keeps it", "serve as a cluster of 3.5", "/var/lib/etcd-backup/s.db on node cp-1"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told:\n%s", want, told)
		}
	}
}

// asService makes a member a service of its host.
func asService(m *cluster.EtcdMember, release string) {
	m.Version = v(release)
	m.Process = &cluster.EtcdProcess{
		Run: cluster.EtcdAsService, Unit: "etcd.service", Binary: "/usr/local/bin/etcd", DataDir: "/var/lib/etcd", Owner: "0:0", ClientURL: "https://127.0.0.1:2379",
		Args: []string{"--name=" + m.Name, "--debug"}, Env: []string{"ETCD_LOG_OUTPUT=stderr"},
		Files: []cluster.TextFile{
			{Path: "/etc/systemd/system/etcd.service", Kind: "unit", Text: "[Service]\nEnvironmentFile=/etc/etcd.env\n# as we like it\nExecStart=/usr/local/bin/etcd --name=" + m.Name + " --debug\n"},
			{Path: "/etc/etcd.env", Kind: "environment", Text: "ETCD_LOG_OUTPUT=stderr\nOTHER=1\n"},
		},
	}
}

func TestEtcdAsServices(t *testing.T) {
	c := stacked("3.3.27", "cp-1", "cp-2", "cp-3")
	for i := range c.Etcd.Members {
		asService(&c.Etcd.Members[i], "3.3.27")
	}
	c.Kubeadm.ExternalEtcd = true
	got, p := etcdSteps(t, etcdInput(t, c, "3.5.35", "3.4.45"))
	if got[0] != "snapshot/cp-1/take" {
		t.Errorf("first is %s: there are no images to pull", got[0])
	}
	if slices.Contains(got, "finish/kubeadm") {
		t.Error("kubeadm is told of an etcd that is not its own")
	}
	// 3.4 takes everything that 3.3 takes.
	if a := params[hostaction.EtcdReplace](t, p, "3.4/members/cp-2/replace"); len(a.Files) != 0 {
		t.Errorf("files at 3.4: %+v", a.Files)
	}
	a := params[hostaction.EtcdReplace](t, p, "3.5/members/cp-2/replace")
	if a.Run != cluster.EtcdAsService || a.Unit != "etcd.service" || a.Binary != "/usr/local/bin/etcd" || a.Owner != "0:0" {
		t.Errorf("%+v", a)
	}
	if len(a.Files) != 2 {
		t.Fatalf("files %+v; want unit and environment", a.Files)
	}
	for path, want := range map[string]string{
		"/etc/systemd/system/etcd.service": "[Service]\nEnvironmentFile=/etc/etcd.env\n# as we like it\nExecStart=/usr/local/bin/etcd --name=cp-2 --log-level=debug\n",
		"/etc/etcd.env":                    "ETCD_LOG_OUTPUTS=stderr\nOTHER=1\n",
	} {
		i := slices.IndexFunc(a.Files, func(f hostaction.FileChange) bool { return f.Path == path })
		if i < 0 {
			t.Errorf("%s stays as it is", path)
		} else if d := cmp.Diff(want, a.Files[i].After); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	if !slices.Contains(a.Args, "--log-level=debug") || !slices.Contains(a.Env, "ETCD_LOG_OUTPUTS=stderr") {
		t.Errorf("arguments %v, variables %v", a.Args, a.Env)
	}
}

func TestSettingsThatAReleaseDoesNotTake(t *testing.T) {
	c := stacked("3.5.35", "cp-1", "cp-2", "cp-3")
	f := &c.Etcd.Members[1].Process.Files[0]
	f.Text = strings.Replace(f.Text, "--name=cp-2", "--name=cp-2\n    - --no-such-flag=1", 1)
	got := CheckEtcd(etcdInput(t, c, "3.6.16"))
	if len(got) != 1 || got[0].Member != "cp-2" || !strings.Contains(got[0].Message, "no-such-flag") || got[0].Warning {
		t.Errorf("problems %+v; want one of cp-2", got)
	}
}

func TestProbesOfImagesWithoutAShell(t *testing.T) {
	c := stacked("3.4.45", "cp-1")
	f := &c.Etcd.Members[0].Process.Files[0]
	f.Text = strings.Replace(f.Text, "    - --listen-metrics-urls=http://127.0.0.1:2381\n", "", 1)
	f.Text = strings.Replace(f.Text, "    name: etcd\n    volumeMounts", "    livenessProbe:\n      exec:\n        command:\n        - /bin/sh\n        - -ec\n        - etcdctl get foo\n    name: etcd\n    volumeMounts", 1)
	f.Text = strings.Replace(f.Text, "    - --experimental-watch-progress-notify-interval=5s\n", "", 1)
	_, p := etcdSteps(t, etcdInput(t, c, "3.5.35"))
	after := params[hostaction.EtcdReplace](t, p, "3.5/members/cp-1/replace").Files[0].After
	for _, want := range []string{"--listen-metrics-urls=http://127.0.0.1:2381", "httpGet:", "path: /health", "port: 2381", "scheme: HTTP", "host: 127.0.0.1"} {
		if !strings.Contains(after, want) {
			t.Errorf("no %q in\n%s", want, after)
		}
	}
	if strings.Contains(after, "/bin/sh") {
		t.Errorf("a probe still runs a shell:\n%s", after)
	}
	for address, want := range map[string]string{"http://127.0.0.1:2381": "HTTP 127.0.0.1 2381", "https://[::1]:2381/": "HTTPS ::1 2381"} {
		probe, err := probeAt(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
		} else if got := fmt.Sprintf("%s %s %d", probe.Scheme, probe.Host, probe.Port); got != want {
			t.Errorf("%s: %s; want %s", address, got, want)
		}
	}
	if _, err := probeAt("http://127.0.0.1"); err == nil {
		t.Error("an address without a port is taken")
	}
}

func TestWhatKubeadmDoesWithEtcd(t *testing.T) {
	c := build(v("v1.33.4"), []string{"cp-1"}, nil)
	if got := WhatKubeadmDoes(c, []version.Version{v("v1.34.2")}, false); got != nil {
		t.Errorf("of an etcd that is not kubeadm's it says %q", got)
	}
	c.Nodes[0].StaticPods = append(c.Nodes[0].StaticPods, cluster.StaticPod{Component: "etcd", Image: "registry.k8s.io/etcd:3.5.21-0", Ready: true})
	for name, tt := range map[string]struct {
		keep bool
		tag  string
		want string
	}{
		"kubeadm":  {false, "", "kubeadm takes etcd from 3.5.21 to 3.6.5 at v1.34.2"},
		"keep":     {true, "", "etcd stays at 3.5.21"},
		"a pinned": {false, "3.5.21-0", "at the tag 3.5.21-0"},
	} {
		c.Kubeadm.EtcdImageTag = tt.tag
		got := WhatKubeadmDoes(c, []version.Version{v("v1.34.2")}, tt.keep)
		if len(got) != 1 || !strings.Contains(got[0], tt.want) {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
	in := input(build(v("v1.33.4"), []string{"cp-1", "cp-2"}, nil), v("v1.34.2"))
	in.Options.KeepEtcd = true
	p, err := ForCluster(in)
	if err != nil {
		t.Fatal(err)
	}
	if a := params[hostaction.KubeadmApply](t, p, "1.34/control-plane/cp-1/apply"); !a.SkipEtcd {
		t.Error("kubeadm upgrade apply is not told to leave etcd")
	}
	if a := params[hostaction.KubeadmNode](t, p, "1.34/control-plane/cp-2/node"); !a.SkipEtcd {
		t.Error("kubeadm upgrade node is not told to leave etcd")
	}
}
