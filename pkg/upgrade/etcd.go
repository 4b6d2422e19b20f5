package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdOptions are what the operator chose for etcd.
type EtcdOptions struct {
	// Minor is the target where only a minor was asked for, such as "3.6": its best release that is at hand. Else Options.To is the target, and where that
	// is zero too, the newest release that is at hand.
	Minor string
	Plan  plan.EtcdOptions
}

// PrepareEtcd observes etcd, judges it and plans. Nothing is changed but for the agent, which Close takes away again, and images that were pulled.
// A BlockedError comes together with what is known so far.
func (u *Upgrade) PrepareEtcd(ctx context.Context) (*Prepared, error) {
	return u.patiently(ctx, u.prepareEtcd)
}

func (u *Upgrade) prepareEtcd(ctx context.Context) (*Prepared, error) {
	p := &Prepared{To: u.opts.To}
	hosts, err := u.lookAtEtcd(ctx, p, "upgrade etcd")
	if err != nil {
		return p, err
	}
	if err := u.judgeEtcd(p, etcdJudgement{}); err != nil && len(p.Cluster.Etcd.Members) == 0 {
		return p, err
	}
	j, err := u.etcdWay(ctx, p, hosts)
	if err != nil {
		return p, err
	}
	in := plan.EtcdInput{
		Cluster: p.Cluster, To: p.To, Hops: j.hops, Images: j.images, Options: u.opts.Etcd.Plan, Saved: u.opts.Saved,
		SnapshotName: snapshotName(p.Cluster.Etcd),
	}
	if r := p.Unfinished; r != nil && r.To == p.To {
		in.Begun = r.Plan
	}
	if j.hops != nil {
		j.begun = goOn(p.Cluster.Etcd, j)
		if err := u.lookAtData(ctx, p, j.hops); err != nil {
			return p, err
		}
		for _, s := range plan.CheckEtcd(in) {
			j.settings = append(j.settings, preflight.EtcdSetting{Member: s.Member, Problem: s.Problem})
		}
	}
	if err := u.judgeEtcd(p, j); err != nil {
		return p, err
	}
	if p.To.IsZero() {
		return p, p.block(preflight.Finding{ID: "etcd-no-release", Severity: preflight.Error, Object: "--to " + u.opts.Etcd.Minor,
			Message: "no release of it that is fit is known or at hand", Fix: "name a release, such as --to " + u.opts.Etcd.Minor + ".1"})
	}
	if p.Plan, err = plan.ForEtcd(in); err != nil {
		return nil, err
	}
	return p, u.notStale(p.Plan)
}

// snapshotName is one that was never used before: a snapshot that is there under its name is not taken again.
func snapshotName(e *cluster.Etcd) string {
	return fmt.Sprintf("etcd-%s-%s.db", plan.EtcdVersion(e).Bare(), time.Now().UTC().Format("20060102T150405Z"))
}

// lookAtEtcd gets as far as knowing where etcd runs and how it is: rights, lock, agents, hosts.
func (u *Upgrade) lookAtEtcd(ctx context.Context, p *Prepared, purpose string) (map[string]hostaction.EtcdHost, error) {
	if blocked, err := u.rights(ctx, p); err != nil || blocked != nil {
		return nil, errors.Join(err, orNil(blocked))
	}
	u.notice("observe cluster %s", u.client.Config.Host)
	if err := u.observe(ctx, p, observe.Cluster); err != nil {
		return nil, err
	}
	if err := u.sameCluster(p.Cluster); err != nil {
		return nil, err
	}
	if !u.anyRun {
		if err := u.noOther(ctx, p, plan.EtcdKind); err != nil {
			return nil, err
		}
	}
	if !u.anyRun {
		if err := observe.SurveyForEtcd(ctx, u.client, p.Cluster); err != nil {
			return nil, err
		}
	}
	u.opts.Agent.Nodes = observe.EtcdNodes(p.Cluster)
	for _, n := range u.extra {
		if err := u.alsoOn(p, n); err != nil {
			return nil, err
		}
	}
	if err := u.judgeEtcd(p, etcdJudgement{}); err != nil && !u.anyRun {
		return nil, err
	}
	if !p.To.IsZero() {
		purpose += " to " + p.To.Bare()
	}
	if err := u.takeLock(ctx, p, purpose); err != nil {
		return nil, err
	}
	if err := u.sendAgents(ctx, p); err != nil {
		return nil, err
	}
	if r := p.Unfinished; r != nil && r.Plan != nil && r.Plan.Etcd != nil && r.Plan.Etcd.Converts() {
		hosts, err := u.askEtcd(ctx, p)
		if err == nil {
			err = u.recallWaiting(ctx, p, hosts)
		}
		if err != nil {
			return nil, err
		}
	}
	if waited, err := u.settle(ctx, p); err != nil {
		return nil, err
	} else if waited {
		if err := u.lookAgain(ctx, p, observe.Cluster); err != nil {
			return nil, err
		}
	}
	return u.askEtcd(ctx, p)
}

// EtcdNow asks every host once more, after a run that did not reach its end.
func (u *Upgrade) EtcdNow(ctx context.Context, p *Prepared) (*cluster.Etcd, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if _, err := u.askEtcd(ctx, p); err != nil {
		return nil, err
	}
	return p.Cluster.Etcd, nil
}

// askEtcd asks every host that has to do with etcd.
func (u *Upgrade) askEtcd(ctx context.Context, p *Prepared) (map[string]hostaction.EtcdHost, error) {
	return u.askEtcdOn(ctx, p, func(string) bool { return true })
}

// askEtcdOn asks those hosts with an agent that are wanted.
func (u *Upgrade) askEtcdOn(ctx context.Context, p *Prepared, wanted func(node string) bool) (map[string]hostaction.EtcdHost, error) {
	defer u.waiting("")
	var mu sync.Mutex
	hosts := map[string]hostaction.EtcdHost{}
	err := u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		if !wanted(n.Name) {
			return nil
		}
		var h hostaction.EtcdHost
		if err := u.ask(ctx, n.Name, "etcd", hostaction.EtcdFacts{}, 2*time.Minute, &h); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		hosts[n.Name] = h
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Cluster.Etcd = observe.Etcd(p.Cluster, hosts)
	return hosts, nil
}

// lookAtData has the bytes of each member looked at, where something of them would keep a release on the way from starting.
func (u *Upgrade) lookAtData(ctx context.Context, p *Prepared, hops []knowledge.Hop) error {
	if !slices.ContainsFunc(hops, func(h knowledge.Hop) bool { return h.Kind == knowledge.Upgrade && h.To.MinorString() == "3.6" }) {
		return nil
	}
	u.notice("look at the data of %d etcd members", len(p.Cluster.Etcd.Members))
	defer u.waiting("")
	return u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		i := slices.IndexFunc(p.Cluster.Etcd.Members, func(m cluster.EtcdMember) bool { return m.Node == n.Name && m.Process != nil })
		if i < 0 {
			return nil
		}
		var h hostaction.EtcdHost
		m := p.Cluster.Etcd.Members[i]
		err := u.ask(ctx, n.Name, "etcd-data", hostaction.EtcdFacts{Data: true}, 30*time.Minute, &h)
		switch {
		case err != nil && m.Auth && ctx.Err() == nil:
			m.Process.DataRefused = err.Error() // for preflight, which tells of everything at once
		case err != nil:
			return err
		case h.Process != nil:
			m.Process.Data = h.Process.Data
		}
		return nil
	})
}

// etcdJudgement is what was found out about the way.
type etcdJudgement struct {
	hops   []knowledge.Hop
	images map[version.Version]map[string]string
	tried  []preflight.EtcdImage
	// findings are those about the way itself.
	findings []preflight.Finding
	settings []preflight.EtcdSetting
	begun    []string
}

// judgeEtcd runs preflight over what is known.
func (u *Upgrade) judgeEtcd(p *Prepared, j etcdJudgement) error {
	in := preflight.EtcdInput{
		Cluster: p.Cluster, To: p.To, Hops: j.hops, Nodes: u.opts.Agent.Nodes, Downgrade: u.opts.Etcd.Plan.Downgrade, Downtime: u.opts.Etcd.Plan.AllowDowntime, BackupDir: u.opts.Etcd.Plan.BackupDir,
		Images: j.tried, Settings: j.settings, Begun: j.begun,
	}
	if e := p.Cluster.Etcd; e != nil {
		for _, m := range e.Members {
			_, pinned, _ := plan.KubeadmPin(p.Cluster.Kubeadm, p.To, j.images[p.To][m.Node])
			in.Pinned = in.Pinned || pinned || p.Cluster.Kubeadm.EtcdImageTag != ""
		}
	}
	p.Findings = slices.Concat(j.findings, preflight.Etcd(in), preflight.EtcdHazards(p.Cluster, u.opts.SkipChecks))
	if preflight.Blocked(p.Findings) {
		return &BlockedError{Findings: p.Findings}
	}
	return nil
}

// noOther refuses to begin one upgrade in the middle of another: the one that goes on first knows what it has left half done.
func (u *Upgrade) noOther(ctx context.Context, p *Prepared, kind string) error {
	r, err := record.Read(ctx, u.client)
	if err != nil || r == nil {
		return err
	}
	if r.Of() == kind {
		p.Unfinished = r
		return nil
	}
	what := "upgrade of the cluster"
	if r.Of() == plan.EtcdKind {
		what = "upgrade of etcd"
	}
	return p.block(preflight.Finding{ID: "other-upgrade-unfinished", Severity: preflight.Error, Object: "record kube-system/kubectl-upgrade-run",
		Message: fmt.Sprintf("an %s from %s to %s is not finished (%s)", what, r.From, r.To, r.State),
		Fix:     "go on with it: " + r.Command + "; or give it up: kubectl upgrade abort"})
}

// goOn takes members that are down in the middle of their replacement for what they were before it.
func goOn(e *cluster.Etcd, j etcdJudgement) []string {
	var out []string
	for i := range e.Members {
		m := &e.Members[i]
		if m.Error == "" || m.Process == nil {
			continue
		}
		for _, h := range j.hops {
			if image := j.images[h.To][m.Node]; image != "" && m.Process.Image == image {
				if m.Version.IsZero() {
					m.Version = h.From
				}
				out = append(out, m.Name)
				break
			}
		}
	}
	return out
}

// etcdWay chooses the target, where none was asked for exactly, and the releases on the way to it. That there is no way is a finding.
func (u *Upgrade) etcdWay(ctx context.Context, p *Prepared, hosts map[string]hostaction.EtcdHost) (etcdJudgement, error) {
	f := &etcdFinder{u: u, p: p, hosts: hosts, j: etcdJudgement{images: map[version.Version]map[string]string{}}}
	from := plan.EtcdVersion(p.Cluster.Etcd)
	if u.opts.Etcd.Plan.Downgrade {
		from = plan.NewestEtcdVersion(p.Cluster.Etcd)
	}
	if from.IsZero() {
		return f.j, nil
	}
	defer u.waiting("")
	if err := f.target(ctx, from); err != nil {
		return f.j, err
	}
	if p.To.IsZero() {
		return f.j, nil
	}
	if len(p.Cluster.Etcd.OnV2()) > 0 {
		if from.Less(p.To) && len(f.j.tried) == 0 {
			f.j.hops = plan.ConvertHop(from, p.To)
			f.j.findings = append(f.j.findings, u.checkEtcdVia(p, from, f.j.hops)...)
		}
		return f.j, nil
	}
	if err := f.between(ctx, from); err != nil {
		return f.j, err
	}
	hops, err := knowledge.Route(from, p.To, f.available)
	// That a release is missing was told of by the hosts; that the target is older, preflight tells.
	if err != nil && len(f.j.tried) == 0 && (u.opts.Etcd.Plan.Downgrade || !p.To.Less(from)) {
		f.j.findings = append(f.j.findings, preflight.Finding{ID: "etcd-no-way", Severity: preflight.Error, Object: "--to " + p.To.Bare(), Message: err.Error(),
			Fix: "make the release available, or name another one with --via"})
	}
	if err == nil {
		f.j.hops = hops
		f.j.findings = append(f.j.findings, u.checkEtcdVia(p, from, hops)...)
	}
	return f.j, nil
}

// etcdFinder looks for releases where the members could get them from: the registry for static pods, the host for services.
type etcdFinder struct {
	u         *Upgrade
	p         *Prepared
	hosts     map[string]hostaction.EtcdHost
	j         etcdJudgement
	available []version.Version
}

// target chooses the target.
func (f *etcdFinder) target(ctx context.Context, from version.Version) error {
	switch minor := f.u.opts.Etcd.Minor; {
	case !f.p.To.IsZero():
		return f.find(ctx, f.p.To.MinorString(), []version.Version{f.p.To})
	case minor != "":
		uses := []knowledge.Use{knowledge.Run}
		if f.u.opts.Etcd.Plan.Downgrade {
			uses = append(uses, knowledge.BeforeNext)
		}
		before := len(f.available)
		if err := f.find(ctx, minor, f.candidates(minor, uses...)); err != nil {
			return err
		}
		if len(f.available) > before {
			f.p.To = f.available[len(f.available)-1]
		}
		return nil
	}
	return f.newest(ctx, from)
}

// newest takes the newest release that is at hand without passing over a minor of which none is.
func (f *etcdFinder) newest(ctx context.Context, from version.Version) error {
	minors := knowledge.EtcdMinors()
	f.p.Offered = map[string][]string{}
	for _, minor := range minors[max(0, slices.Index(minors, from.MinorString())):] {
		before, tried := len(f.available), len(f.j.tried)
		if err := f.find(ctx, minor, f.candidates(minor, knowledge.Run)); err != nil {
			return err
		}
		f.j.tried = f.j.tried[:tried] // that there is none is no fault here
		if len(f.available) == before {
			f.p.Offered[minor] = nil
			if minor != from.MinorString() {
				break
			}
			f.p.To = from
			continue
		}
		v := f.available[len(f.available)-1]
		f.p.Offered[minor] = []string{v.Bare()}
		if f.p.To = v; v.Less(from) {
			f.p.To = from
		}
	}
	return nil
}

// between finds the releases on the way.
func (f *etcdFinder) between(ctx context.Context, from version.Version) error {
	minors := knowledge.EtcdMinors()
	start, end := slices.Index(minors, from.MinorString()), slices.Index(minors, f.p.To.MinorString())
	if start < 0 || end < 0 {
		return nil
	}
	step := 1
	if end < start {
		step = -1
	}
	for i := start; i != end; i += step {
		against := slices.DeleteFunc(knowledge.HazardsOf(from, knowledge.BeforeNext), func(h knowledge.Hazard) bool { return h.Condition != "" })
		if i == start && (step < 0 || len(against) == 0) {
			continue
		}
		if err := f.find(ctx, minors[i], f.candidates(minors[i], knowledge.Run, knowledge.BeforeNext)); err != nil {
			return err
		}
	}
	return nil
}

// candidates are the releases of a minor to look for. One that was asked for by --via is the only one.
func (f *etcdFinder) candidates(minor string, uses ...knowledge.Use) []version.Version {
	for _, v := range f.u.opts.Via {
		if v.MinorString() == minor {
			return []version.Version{v}
		}
	}
	var atHand []version.Version
	for _, h := range f.hosts {
		atHand = append(atHand, h.Releases...)
	}
	for _, m := range f.p.Cluster.Etcd.Members {
		atHand = append(atHand, m.Version)
	}
	return plan.EtcdCandidates(minor, atHand, uses...)
}

// find makes the first of the candidates available that every member can get. When none is, what each host says of the first one is kept.
func (f *etcdFinder) find(ctx context.Context, minor string, candidates []version.Version) error {
	if slices.ContainsFunc(f.available, func(v version.Version) bool { return v.MinorString() == minor && slices.Contains(candidates, v) }) {
		return nil
	}
	var first []preflight.EtcdImage
	for _, v := range candidates {
		f.u.waiting("hosts to say whether they can get etcd " + v.Bare())
		images, missing, err := f.get(ctx, v)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			f.available = append(f.available, v)
			f.j.images[v] = images
			return nil
		}
		if first == nil {
			first = missing
		}
	}
	f.j.tried = append(f.j.tried, first...)
	return nil
}

// get asks every member's host for one release. The first host is asked alone: what it cannot get, the others mostly cannot either.
func (f *etcdFinder) get(ctx context.Context, v version.Version) (images map[string]string, missing []preflight.EtcdImage, err error) {
	images = map[string]string{}
	var pods []cluster.EtcdMember
	for _, m := range f.p.Cluster.Etcd.Members {
		switch {
		case m.Process == nil:
		case m.Process.Run == cluster.EtcdAsPod:
			pods = append(pods, m)
		case m.Version != v && !slices.Contains(f.hosts[m.Node].Releases, v):
			missing = append(missing, preflight.EtcdImage{Node: m.Node, Version: v, Program: true,
				Errors: []string{fmt.Sprintf("the image of etcd-migrate brings %s", releases(f.hosts[m.Node].Releases))}})
		}
	}
	if len(pods) == 0 || len(missing) > 0 {
		return images, missing, nil
	}
	refs := plan.EtcdImages(pods[0].Process.Image, f.u.opts.Etcd.Plan.ImageRepository, v)
	image, said, err := f.pull(ctx, pods[0].Node, refs)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	err = f.u.eachNode(ctx, f.p, func(ctx context.Context, n *cluster.Node) error {
		i := slices.IndexFunc(pods, func(m cluster.EtcdMember) bool { return m.Node == n.Name })
		if i < 0 {
			return nil
		}
		have, why := image, said
		if i > 0 {
			var err error // not that of the other nodes
			// Its registry may be another one.
			own := plan.EtcdImages(pods[i].Process.Image, f.u.opts.Etcd.Plan.ImageRepository, v)
			if slices.Contains(own, image) {
				own = []string{image}
			}
			if have, why, err = f.pull(ctx, n.Name, own); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if have == "" {
			missing = append(missing, preflight.EtcdImage{Node: n.Name, Version: v, Errors: why})
			return nil
		}
		images[n.Name] = have
		return nil
	})
	slices.SortFunc(missing, func(a, b preflight.EtcdImage) int { return strings.Compare(a.Node, b.Node) })
	return images, missing, err
}

// pull gives the first reference that a node's container runtime can get, or what it says of each.
func (f *etcdFinder) pull(ctx context.Context, node string, refs []string) (image string, said []string, err error) {
	for _, ref := range refs {
		err := f.u.ask(ctx, node, "image/"+plan.Sum(ref)[:12], hostaction.CheckImages{Images: []string{ref}}, 10*time.Minute, nil)
		if err == nil {
			return ref, nil, nil
		}
		why, refused := refusal(err)
		if !refused {
			return "", nil, err
		}
		said = append(said, why)
	}
	return "", said, nil
}

func releases(vs []version.Version) string {
	if len(vs) == 0 {
		return "no release of etcd"
	}
	out := make([]string, 0, len(vs))
	for _, v := range vs {
		out = append(out, v.Bare())
	}
	return strings.Join(out, ", ")
}
