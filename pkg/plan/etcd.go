package plan

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdKind is the kind of a plan that takes etcd to another release.
const EtcdKind = "EtcdUpgradePlan"

// EtcdPlan is what a plan for etcd has beside its phases.
type EtcdPlan struct {
	Options EtcdOptions `json:"options"`
	// Members are ordered by name.
	Members []EtcdMemberSummary `json:"members"`
	Hops    []EtcdHop           `json:"hops"`
	// Snapshot is what is taken before the first change; its zero value means that none is taken.
	Snapshot EtcdBackup `json:"snapshot,omitzero"`
	// Changes are what becomes of the files of each member.
	Changes []EtcdChange `json:"changes,omitempty"`
	// Downtime says in a sentence when the API is away; empty when it is not.
	Downtime string `json:"downtime,omitempty"`
	// Restore is set in a plan of EtcdRestoreKind.
	Restore *EtcdRestore `json:"restore,omitempty"`
}

// EtcdOptions are the operator's choices. They are part of the plan, so that a saved one can be made again in the same way.
type EtcdOptions struct {
	// Via are the releases that were asked for on the way.
	Via []version.Version `json:"via,omitempty"`
	// BackupDir is where on a host snapshots go; Download is where on the operator's machine a copy goes, empty for none.
	BackupDir string `json:"backupDir"`
	Download  string `json:"download,omitempty"`
	// ImageRepository is where the images of static pods come from; empty for where they come from now.
	ImageRepository string `json:"imageRepository,omitempty"`
	// AllowDowntime is the consent to the time without an API in which v2 data are migrated; DropV2 that to losing what has no place in the v3 API.
	AllowDowntime bool `json:"allowDowntime,omitempty"`
	DropV2        bool `json:"dropV2,omitempty"`
	// Downgrade allows to go to an older release.
	Downgrade bool `json:"downgrade,omitempty"`
}

// EtcdMemberSummary is a member and where it stands.
type EtcdMemberSummary struct {
	Name    string          `json:"name"`
	Node    string          `json:"node"`
	Run     cluster.EtcdRun `json:"run"`
	Version version.Version `json:"version"`
}

// EtcdHop is one rolling replacement.
type EtcdHop struct {
	Kind knowledge.HopKind `json:"kind"`
	From version.Version   `json:"from"`
	To   version.Version   `json:"to"`
	// Images are those of static pods, by node.
	Images map[string]string `json:"images,omitempty"`
}

// EtcdBackup is a snapshot on a host.
type EtcdBackup struct {
	Node string `json:"node"`
	Path string `json:"path"`
}

// EtcdChange is what becomes of one file at a hop, as a unified diff.
type EtcdChange struct {
	Member string          `json:"member"`
	Node   string          `json:"node"`
	To     version.Version `json:"to"`
	Path   string          `json:"path"`
	Diff   string          `json:"diff"`
	// Notes say why.
	Notes []string `json:"notes,omitempty"`
}

// EtcdInput is all that a plan for etcd is computed from.
type EtcdInput struct {
	// Cluster has Etcd set.
	Cluster *cluster.Cluster
	To      version.Version
	Hops    []knowledge.Hop
	// Images are the images of static pods, by release and node.
	Images  map[version.Version]map[string]string
	Options EtcdOptions
	// SnapshotName is the name of the file of a snapshot that is to be taken. It has to be one that was never used before for another upgrade.
	SnapshotName string
	// Begun, if not nil, is the plan of the same upgrade that was begun and not finished: its snapshot, which was taken before the first change, counts.
	Begun *Plan
	// Saved, if not nil, is a plan that this one is to be held against: the leader and the snapshot are taken from it.
	Saved *Plan
}

// EtcdVersion is the oldest release that a member runs: where an upgrade starts from.
func EtcdVersion(e *cluster.Etcd) version.Version {
	var oldest version.Version
	for _, m := range e.Members {
		if !m.Version.IsZero() && (oldest.IsZero() || m.Version.Less(oldest)) {
			oldest = m.Version
		}
	}
	return oldest
}

// NewestEtcdVersion is the newest release that a member runs: where a downgrade starts from.
func NewestEtcdVersion(e *cluster.Etcd) version.Version {
	var newest version.Version
	for _, m := range e.Members {
		if newest.Less(m.Version) {
			newest = m.Version
		}
	}
	return newest
}

// ForEtcd computes the plan that takes every member along the hops, one at a time. It assumes that preflight found nothing that blocks; what it
// cannot plan is an error. A cluster between two releases gets a plan for the rest.
func ForEtcd(in EtcdInput) (*Plan, error) {
	c := in.Cluster
	if c.Etcd == nil || len(c.Etcd.Members) == 0 {
		return nil, fmt.Errorf("plan etcd: no member found")
	}
	b := &etcdBuilder{builder: &builder{in: Input{Cluster: c}, to: in.To}, etcd: in, state: map[string]cluster.EtcdMember{}}
	if l, ok := c.Etcd.Leader(); ok {
		b.leader = l.Name
	}
	if in.Saved != nil {
		b.leader = in.Saved.Leaders.Etcd
	}
	b.leads = b.leader
	from := EtcdVersion(c.Etcd)
	if in.To.Less(from) {
		from = NewestEtcdVersion(c.Etcd)
	}
	p := &Plan{
		APIVersion: APIVersion, Kind: EtcdKind, Cluster: ClusterRef{UID: c.UID, Server: c.Server, Context: c.Context},
		From: from, To: in.To, Leaders: cluster.Leaders{Etcd: b.leader}, Nodes: []NodeSummary{},
		Etcd: &EtcdPlan{Options: in.Options},
	}
	for _, m := range c.Etcd.Members {
		p.Etcd.Members = append(p.Etcd.Members, EtcdMemberSummary{Name: m.Name, Node: m.Node, Run: run(m), Version: m.Version})
		b.state[m.Name] = m
	}
	work := b.owed()
	for i, h := range in.Hops {
		p.Path = append(p.Path, h.To)
		p.Etcd.Hops = append(p.Etcd.Hops, EtcdHop{Kind: h.Kind, From: h.From, To: h.To, Images: in.Images[h.To]})
		phases, err := b.hop(i, h)
		if err != nil {
			return nil, err
		}
		work = append(work, leading(h.To.Bare(), phases)...)
	}
	if len(in.Hops) == 0 {
		p.Path = []version.Version{in.To}
	}
	rest := b.kubeadm()
	if p.Etcd.Converts() || in.Begun != nil && in.Begun.Etcd != nil && in.Begun.Etcd.Converts() {
		rest = append(rest, b.backendOut("finish/configuration"))
	}
	if p.Etcd.Converts() {
		p.Etcd.Downtime = "nobody can use the API from the end of the last API server until the new members serve: a minute or two, more with much data; pods go on meanwhile"
	}
	if len(work) > 0 || rest != nil {
		p.Etcd.Changes = b.changes
		p.Reasons = b.reasons
		if len(work) > 0 {
			p.Etcd.Snapshot = b.backup()
			p.Reasons = append(p.Reasons, b.why()...)
			p.Phases = slices.Concat(b.prepare(), b.snapshot(p.Etcd.Snapshot), work)
			rest = slices.Concat(b.keepSnapshot(p.Etcd.Snapshot), rest)
		}
		p.Phases = append(p.Phases, b.finish(rest))
	}
	if b.err != nil {
		return nil, b.err
	}
	return p, p.seal()
}

// owed is the end of a hop of a run that was cut short when its last member had been replaced: nobody has said yet that all agree.
func (b *etcdBuilder) owed() []Phase {
	begun := b.etcd.Begun
	if begun == nil || begun.Etcd == nil || begun.Etcd.Converts() {
		return nil
	}
	at := b.in.Cluster.Etcd.Members[0].Version
	for _, m := range b.in.Cluster.Etcd.Members {
		if m.Error != "" || m.Version.IsZero() || m.Version != at {
			return nil
		}
	}
	// Its hops are those that it had left, so that the one that led here need not be among them.
	for s := range begun.Steps() {
		if s.Kind != Kind(hostaction.EtcdAgree{}.Kind()) {
			continue
		}
		if a, err := Params[hostaction.EtcdAgree](s); err == nil && a.Version == at {
			return leading(at.Bare(), []Phase{b.agree(strings.TrimSuffix(s.ID, agreed), knowledge.Hop{To: at})})
		}
	}
	return nil
}

// agreed ends the ID of the step that ends a hop.
const agreed = "/agree/members"

func run(m cluster.EtcdMember) cluster.EtcdRun {
	if m.Process == nil {
		return ""
	}
	return m.Process.Run
}

// etcdBuilder is a builder that knows the members as they are after the hops that were planned so far.
type etcdBuilder struct {
	*builder
	etcd  EtcdInput
	state map[string]cluster.EtcdMember
	// leads is the member that leads before anything is done.
	leads   string
	changes []EtcdChange
}

// members are ordered for a hop: one that does not serve first, since nothing else can be done before it does; the leader last, so that it moves once per hop.
func (b *etcdBuilder) members() []cluster.EtcdMember {
	out := slices.Collect(maps.Values(b.state))
	rank := func(m cluster.EtcdMember) int {
		switch {
		case m.Error != "":
			return 0
		case m.Name == b.leader:
			return 2
		}
		return 1
	}
	slices.SortFunc(out, func(x, y cluster.EtcdMember) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x.Name, y.Name))
	})
	return out
}

// label starts the IDs of a hop's steps: the minor, unless another hop ends in the same one.
func (b *etcdBuilder) label(i int) string {
	h := b.etcd.Hops[i]
	for j, o := range b.etcd.Hops {
		if j != i && o.To.SameMinor(h.To) {
			return h.To.Bare()
		}
	}
	return h.To.MinorString()
}

// hop replaces each member that is not there yet, one at a time, and ends when all of them agree.
func (b *etcdBuilder) hop(i int, h knowledge.Hop) ([]Phase, error) {
	if h.Kind == knowledge.Convert {
		return b.conversion(h)
	}
	id := b.label(i)
	ph := Phase{ID: id + "/members", Title: "etcd to " + h.To.Bare(), Parallel: 1}
	members := b.members()
	var done []string
	for _, m := range members {
		if passed(m, h) && m.Error == "" {
			done = append(done, m.Name)
		}
	}
	ahead := false
	for _, m := range members {
		if passed(m, h) {
			ahead = ahead || m.Version != h.To
			continue
		}
		g, err := b.replace(ph.ID+"/"+m.Name, m, h, done)
		if err != nil {
			return nil, err
		}
		ph.Groups = append(ph.Groups, g)
		done = append(done, m.Name)
	}
	if len(ph.Groups) == 0 {
		return nil, nil
	}
	var out []Phase
	if h.Kind == knowledge.Downgrade {
		out = append(out, b.downgrade(id, h))
	}
	out = append(out, ph)
	if ahead {
		b.reasons = append(b.reasons, fmt.Sprintf("members do not have to agree at %s: some are beyond it already", h.To.Bare()))
		return out, nil
	}
	return append(out, b.agree(id, h)), nil
}

// passed tells whether a member has nothing to do in a hop.
func passed(m cluster.EtcdMember, h knowledge.Hop) bool {
	if m.Version.IsZero() {
		return false
	}
	if h.Kind == knowledge.Downgrade {
		return !h.To.Less(m.Version)
	}
	return !m.Version.Less(h.To)
}

// replace is what is done to one member in a hop.
func (b *etcdBuilder) replace(id string, m cluster.EtcdMember, h knowledge.Hop, done []string) (Group, error) {
	g := Group{ID: id, Title: m.Name}
	if m.Process == nil || m.Node == "" {
		return g, fmt.Errorf("plan etcd: member %s runs on no node of the cluster", m.Name)
	}
	changed, err := edit(m, h.To, b.etcd.Images[h.To][m.Node])
	if err != nil {
		return g, fmt.Errorf("plan etcd: member %s: %w", m.Name, err)
	}
	next := changed.EtcdMember
	b.change(m, changed, h.To)
	if len(b.state) > 1 {
		prefer := slices.DeleteFunc(slices.Clone(done), func(n string) bool { return n == m.Name })
		if b.leader == m.Name && len(prefer) > 0 {
			b.leader = prefer[0]
		}
		g.Steps = append(g.Steps, b.host(id+"/leader", "let etcd do without this member", m.Node, hostaction.MoveEtcdLeader{Prefer: prefer}, leaderWait))
	}
	what := "replace " + m.Version.Bare() + " by " + h.To.Bare()
	if m.Version.IsZero() {
		what = "bring it up as " + h.To.Bare()
	}
	g.Steps = append(g.Steps,
		b.host(id+"/replace", what, m.Node, replacement(m, next, h, b.access(m.Node)), 2*replaceWait+5*time.Minute),
		b.step(id+"/serves", "every member and every API server answers and is stable", EtcdServes, m.Node, EtcdServesParams{Stable: stable}, false, 10*time.Minute))
	next.Version, next.Error = h.To, ""
	b.state[m.Name] = next
	return g, nil
}

// replaceWait is how long a member may take to serve: a large database is read from disk, and what it has missed from the others.
const replaceWait = 10 * time.Minute

func replacement(m, next cluster.EtcdMember, h knowledge.Hop, access hostaction.EtcdAccess) hostaction.EtcdReplace {
	p := m.Process
	out := hostaction.EtcdReplace{
		Name: m.Name, Version: h.To, From: m.Version, Run: p.Run, Access: access, Files: FileChanges(p.Files, next.Process.Files),
		DataDir: p.DataDir, WALDir: p.WALDir, Wait: replaceWait,
	}
	if p.Run != cluster.EtcdAsPod {
		out.Unit, out.Binary, out.Args, out.Env, out.Owner = p.Unit, p.Binary, next.Process.Args, next.Process.Env, p.Owner
	}
	return out
}

// change keeps for the reader what becomes of each file.
func (b *etcdBuilder) change(m cluster.EtcdMember, next edited, to version.Version) {
	var notes []string
	for _, c := range next.changes {
		notes = append(notes, c.String())
	}
	for i, f := range m.Process.Files {
		if diff := manifest.Diff(f.Path, []byte(f.Text), []byte(next.Process.Files[i].Text)); diff != "" {
			b.changes = append(b.changes, EtcdChange{Member: m.Name, Node: m.Node, To: to, Path: f.Path, Diff: diff, Notes: notes})
			notes = nil
		}
	}
	if len(notes) > 0 {
		b.changes = append(b.changes, EtcdChange{Member: m.Name, Node: m.Node, To: to, Notes: notes})
	}
}

// access is how to reach all members from a node: its own member first, with what a client shows on that host.
func (b *etcdBuilder) access(node string) hostaction.EtcdAccess {
	return EtcdAccess(b.in.Cluster.Etcd, node)
}

// EtcdAccess is how to reach all members from a node: its own member first.
func EtcdAccess(e *cluster.Etcd, node string) hostaction.EtcdAccess {
	var out hostaction.EtcdAccess
	for _, c := range e.Clients {
		if c.Node == node {
			out.CAFile, out.CertFile, out.KeyFile = c.CAFile, c.CertFile, c.KeyFile
		}
	}
	var others []string
	for _, m := range e.Members {
		switch {
		case m.Node == node && m.Process != nil:
			p := m.Process
			out.CAFile, out.CertFile, out.KeyFile = p.CAFile, p.CertFile, p.KeyFile
			if p.ClientURL != "" {
				out.Endpoints = append(out.Endpoints, p.ClientURL)
			} else if len(m.ClientURLs) > 0 {
				out.Endpoints = append(out.Endpoints, m.ClientURLs[0])
			}
		case len(m.ClientURLs) > 0:
			others = append(others, m.ClientURLs[0])
		}
	}
	out.Endpoints = append(out.Endpoints, others...)
	return out
}

// downgrade has etcd take its data back before any member is replaced.
func (b *etcdBuilder) downgrade(label string, h knowledge.Hop) Phase {
	id, node := label+"/downgrade", b.asker()
	return Phase{ID: id, Title: "Take the data back to " + h.To.MinorString(), Parallel: 1, Groups: []Group{{ID: id + "/cluster", Title: "cluster", Steps: []Step{
		b.host(id+"/enable", "tell etcd to go back to "+h.To.MinorString()+", and wait until its data are", node,
			hostaction.EtcdDowngrade{Access: b.access(node), Version: h.To}, 10*time.Minute),
	}}}}
}

// agree ends a hop.
func (b *etcdBuilder) agree(label string, h knowledge.Hop) Phase {
	id, node := label+"/agree", b.asker()
	names := make([]string, 0, len(b.state))
	for _, m := range b.in.Cluster.Etcd.Members {
		names = append(names, m.Name)
	}
	return Phase{ID: id, Title: "Every member at " + h.To.Bare(), Parallel: 1, Groups: []Group{{ID: id + "/cluster", Title: "cluster", Steps: []Step{
		b.host(label+agreed, "all members agree on version, storage, index, leases and the hash of all keys", node,
			hostaction.EtcdAgree{Access: b.access(node), Version: h.To, Members: names}, 10*time.Minute),
	}}}}
}

// asker is a node from which all members can be asked.
func (b *etcdBuilder) asker() string {
	for _, m := range b.in.Cluster.Etcd.Members {
		if m.Node != "" && m.Error == "" {
			return m.Node
		}
	}
	return b.in.Cluster.Etcd.Members[0].Node
}

// prepare pulls the images of all hops on each node, before anything changes.
func (b *etcdBuilder) prepare() []Phase {
	ph := Phase{ID: "prepare", Title: "Fetch images", Parallel: 3}
	for _, m := range b.in.Cluster.Etcd.Members {
		if run(m) != cluster.EtcdAsPod {
			continue
		}
		id := "prepare/" + m.Node
		g := Group{ID: id, Title: m.Node}
		for i, h := range b.etcd.Hops {
			if passed(m, h) {
				continue
			}
			image := b.etcd.Images[h.To][m.Node]
			g.Steps = append(g.Steps, b.host(id+"/"+b.label(i)+"/image", "pull "+image, m.Node, hostaction.CheckImages{Images: []string{image}}, 30*time.Minute))
		}
		if len(g.Steps) > 0 {
			ph.Groups = append(ph.Groups, g)
		}
	}
	if len(ph.Groups) == 0 {
		return nil
	}
	return []Phase{ph}
}

// backup is where the snapshot goes. That of an upgrade which was begun counts: it is from before the first change.
func (b *etcdBuilder) backup() EtcdBackup {
	for _, p := range []*Plan{b.etcd.Saved, b.etcd.Begun} {
		if p != nil && p.Etcd != nil && p.Etcd.Snapshot != (EtcdBackup{}) {
			if _, ok := b.on(p.Etcd.Snapshot.Node); ok {
				return p.Etcd.Snapshot
			}
		}
	}
	node := b.asker()
	if l, ok := b.in.Cluster.Etcd.Member(b.leads); ok && l.Node != "" {
		node = l.Node
	}
	return EtcdBackup{Node: node, Path: path.Join(b.etcd.Options.BackupDir, b.etcd.SnapshotName)}
}

// on finds the member of a node.
func (b *etcdBuilder) on(node string) (cluster.EtcdMember, bool) {
	i := slices.IndexFunc(b.in.Cluster.Etcd.Members, func(m cluster.EtcdMember) bool { return m.Node == node && m.Process != nil })
	if i < 0 {
		return cluster.EtcdMember{}, false
	}
	return b.in.Cluster.Etcd.Members[i], true
}

// snapshot takes one before the first change, from the leader, which has every write that was acknowledged.
func (b *etcdBuilder) snapshot(at EtcdBackup) []Phase {
	return []Phase{{ID: "snapshot", Title: "Snapshot before the first change", Parallel: 1, Groups: []Group{{
		ID: "snapshot/" + at.Node, Title: at.Node, Steps: b.take(at),
	}}}}
}

func (b *etcdBuilder) take(at EtcdBackup) []Step {
	m, _ := b.on(at.Node)
	id := "snapshot/" + at.Node
	steps := []Step{b.host(id+"/take", "take snapshot "+at.Path+", and check it by restoring and serving it", at.Node, hostaction.EtcdSnapshot{
		Access: b.access(at.Node), Version: m.Version, Path: at.Path, DataDir: m.Process.DataDir, WALDir: m.Process.WALDir,
	}, time.Hour)}
	if dir := b.etcd.Options.Download; dir != "" {
		steps = append(steps, b.step(id+"/download", "download it to "+dir+" on this machine", EtcdDownload, at.Node, EtcdDownloadParams{Path: at.Path, Dir: dir}, false, time.Hour))
	}
	return steps
}

func (b *etcdBuilder) keepSnapshot(at EtcdBackup) []Step {
	return []Step{b.host("finish/snapshot", "the snapshot is still there and in order", at.Node, hostaction.EtcdVerify{Path: at.Path}, time.Hour)}
}

// kubeadm tells kubeadm of the image, where it would give an older one to control-plane nodes that join, or an other one was written there.
func (b *etcdBuilder) kubeadm() []Step {
	c := b.in.Cluster
	image := ""
	for _, m := range c.Etcd.Members {
		if run(m) != cluster.EtcdAsPod {
			return nil
		}
		if image = b.etcd.Images[b.to][m.Node]; image == "" && m.Version == b.to {
			image = m.Process.Image
		}
	}
	p, pinned, why := KubeadmPin(c.Kubeadm, b.to, image)
	if why == "" {
		return nil
	}
	b.reasons = append(b.reasons, why)
	if !pinned {
		return nil
	}
	return []Step{b.step("finish/kubeadm", "write etcd's image tag "+p.ImageTag+" into kubeadm's configuration", KubeadmEtcd, "", p, true, 2*time.Minute)}
}

// KubeadmPin says what kubeadm has to be told of etcd's image, and why; no reason means that it has to be told nothing. An image whose name kubeadm
// cannot be told of is not pinned.
func KubeadmPin(k cluster.KubeadmConfig, etcd version.Version, image string) (p KubeadmEtcdParams, pinned bool, why string) {
	ours, err := knowledge.EtcdFor(k.KubernetesVersion)
	// Configurations before v1beta1, those of kubeadm up to 1.12, have other fields for it.
	if k.ExternalEtcd || strings.Contains(k.APIVersion, "alpha") || image == "" || k.EtcdImageTag == "" && (err != nil || !ours.Default.Less(etcd)) {
		return p, false, ""
	}
	repository, tag, ok := splitImage(image)
	if !ok {
		return p, false, fmt.Sprintf("kubeadm cannot be told of image %s, whose name has to end in /etcd:TAG: it puts its own etcd on control-plane nodes that join", image)
	}
	p.ImageTag = tag
	if defaults := cmp.Or(k.EtcdImageRepository, k.ImageRepository, "registry.k8s.io"); repository != defaults && repository != strings.Replace(defaults, "k8s.gcr.io", "registry.k8s.io", 1) {
		p.ImageRepository = repository
	}
	switch {
	case tag == k.EtcdImageTag && p.ImageRepository == "":
		return p, false, ""
	case k.EtcdImageTag != "":
		return p, true, fmt.Sprintf("kubeadm's configuration names etcd's tag %s: it gets %s, so that kubeadm keeps what runs", k.EtcdImageTag, tag)
	}
	return p, true, fmt.Sprintf("kubeadm %s comes with etcd %s and would put that on control-plane nodes that join: its configuration gets the tag %s",
		k.KubernetesVersion, ours.Default.Bare(), tag)
}

// splitImage takes REPOSITORY/etcd:TAG apart, which is all that kubeadm's configuration can say.
func splitImage(image string) (repository, tag string, ok bool) {
	if strings.Contains(image, "@") {
		return "", "", false
	}
	repository, tag, ok = strings.Cut(image, "/etcd:")
	return repository, tag, ok && tag != "" && !strings.Contains(tag, "/")
}

// finish looks at everything once more.
func (b *etcdBuilder) finish(steps []Step) Phase {
	node := b.asker()
	steps = append(slices.Clone(steps), b.step("finish/verify", "every member is at "+b.to.Bare()+", every API server answers", EtcdServes, node,
		EtcdServesParams{Version: b.to, Stable: stable}, false, 10*time.Minute))
	return Phase{ID: "finish", Title: "Finish", Parallel: 1, Groups: []Group{{ID: "finish/cluster", Title: "cluster", Steps: steps}}}
}

// why says in a sentence each what decided how the plan is.
func (b *etcdBuilder) why() []string {
	var out []string
	for _, h := range b.etcd.Hops {
		for _, because := range h.Because {
			out = append(out, fmt.Sprintf("%s lies on the way, because %s %s", h.To.Bare(), h.From.Bare(), because))
		}
		for _, against := range h.Advice {
			out = append(out, fmt.Sprintf("no better release is at hand on the way to %s, although %s", h.To.Bare(), against))
		}
	}
	switch n := len(b.state); {
	case slices.ContainsFunc(b.etcd.Hops, func(h knowledge.Hop) bool { return h.Kind == knowledge.Convert }):
		out = append(out, "all members begin anew at once, on the same data; what each had before is kept on its host, as a generation in .etcd-migrate")
	case n == 1:
		out = append(out, "the only member restarts once per release of the way: the API is away for that time, some seconds each")
	case n == 2:
		out = append(out, "two members have no quorum without either of them: the API is away while one restarts, some seconds each time")
	default:
		out = append(out, fmt.Sprintf("one of %d members at a time is down for its restart: the others are a quorum", n))
		if b.leads != "" {
			out = append(out, b.leads+" leads and comes last; before, it gives the leadership to a member that is done")
		}
	}
	return out
}
