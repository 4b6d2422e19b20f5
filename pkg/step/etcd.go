package step

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// etcd makes the action of a step of etcd; nil for another kind.
func (d Deps) etcd(s plan.Step) (Action, error) {
	switch s.Kind {
	case plan.EtcdServes:
		return bind[plan.EtcdServesParams](d, s, func(b base, p plan.EtcdServesParams) Action { return etcdServes{b, p} })
	case plan.EtcdDownload:
		return bind[plan.EtcdDownloadParams](d, s, func(b base, p plan.EtcdDownloadParams) Action { return etcdDownload{b, p} })
	case plan.EtcdBring:
		return bind[plan.EtcdBringParams](d, s, func(b base, p plan.EtcdBringParams) Action { return etcdBring{b, p} })
	case plan.EtcdBegin:
		return bind[plan.EtcdBeginParams](d, s, func(b base, p plan.EtcdBeginParams) Action { return etcdBegin{b, p} })
	case plan.EtcdReturn:
		return bind[plan.EtcdReturnParams](d, s, func(b base, p plan.EtcdReturnParams) Action { return etcdReturn{b, p} })
	case plan.EtcdConvert:
		return bind[plan.EtcdConvertParams](d, s, func(b base, p plan.EtcdConvertParams) Action { return etcdConvert{b, p} })
	case plan.KubeadmEtcd:
		return bind[plan.KubeadmEtcdParams](d, s, func(b base, p plan.KubeadmEtcdParams) Action { return kubeadmEtcd{b, p} })
	}
	switch hostaction.Kind(s.Kind) {
	case hostaction.CheckImages{}.Kind():
		return bind[hostaction.CheckImages](d, s, func(b base, a hostaction.CheckImages) Action { return always{b, a} })
	case hostaction.EtcdSnapshot{}.Kind():
		return bind[hostaction.EtcdSnapshot](d, s, func(b base, a hostaction.EtcdSnapshot) Action { return etcdSnapshot{b, a} })
	case hostaction.EtcdVerify{}.Kind():
		return bind[hostaction.EtcdVerify](d, s, func(b base, a hostaction.EtcdVerify) Action { return etcdSnapshot{b, a} })
	case hostaction.EtcdReplace{}.Kind():
		return bind[hostaction.EtcdReplace](d, s, func(b base, a hostaction.EtcdReplace) Action { return etcdReplace{b, a} })
	case hostaction.EtcdAgree{}.Kind():
		return bind[hostaction.EtcdAgree](d, s, func(b base, a hostaction.EtcdAgree) Action { return etcdAgree{b, a} })
	case hostaction.EtcdRebuild{}.Kind():
		return bind[hostaction.EtcdRebuild](d, s, func(b base, a hostaction.EtcdRebuild) Action { return etcdRebuild{b, a} })
	case hostaction.EtcdSettle{}.Kind():
		return bind[hostaction.EtcdSettle](d, s, func(b base, a hostaction.EtcdSettle) Action { return always{b, a} })
	case hostaction.EtcdDowngrade{}.Kind():
		return bind[hostaction.EtcdDowngrade](d, s, func(b base, a hostaction.EtcdDowngrade) Action { return etcdDowngrade{b, a} })
	}
	return nil, nil
}

// always is an action of which only the host knows what is left of it, and which costs nothing where that is nothing.
type always struct {
	base
	action hostaction.Action
}

func (always) Done(context.Context) (bool, error) { return false, nil }

func (a always) Do(ctx context.Context, r Reporter) error { return a.host(ctx, r, a.action) }

// etcdSnapshot takes or checks a snapshot. Whether the one that is there is whole takes a check, which is most of the work.
type etcdSnapshot struct {
	base
	action hostaction.Action
}

func (etcdSnapshot) Done(context.Context) (bool, error) { return false, nil }

func (a etcdSnapshot) Do(ctx context.Context, r Reporter) error {
	var s hostaction.Snapshot
	if err := a.hostOut(ctx, r, a.action, &s); err != nil {
		return err
	}
	if !s.Verified {
		return fmt.Errorf("check snapshot %s on node %q: the host did not say that it is in order", s.Path, a.step.Node)
	}
	s.Node = a.step.Node
	r.Log(fmt.Sprintf("snapshot %s: %d bytes, sha256 %s, revision %d, %d keys", s.Path, s.Size, s.SHA256, s.Revision, s.Keys))
	a.found(s)
	return nil
}

type etcdReplace struct {
	base
	action hostaction.EtcdReplace
}

// Done: the member answers as the release, and each of its files is as it has to be.
func (a etcdReplace) Done(ctx context.Context) (bool, error) {
	h, err := a.etcdFacts(ctx, a.step.Node)
	if err != nil {
		return false, err
	}
	return memberAt(h, a.action.Name, a.action.Version) && written(h.Process, a.action.Files), nil
}

func (a etcdReplace) Do(ctx context.Context, r Reporter) error {
	var out hostaction.EtcdReplaced
	if err := a.hostOut(ctx, r, a.action, &out); err != nil {
		return err
	}
	r.Log(fmt.Sprintf("member %s did not answer for %s", a.action.Name, out.Down.Round(time.Millisecond)))
	a.found(out)
	return nil
}

// memberAt tells whether the local member is the one of the name, answers, and runs the release.
func memberAt(h hostaction.EtcdHost, name string, v version.Version) bool {
	return h.Local == name && slices.ContainsFunc(h.Members, func(m cluster.EtcdMember) bool {
		return m.Name == name && m.Error == "" && m.Version == v
	})
}

// written tells whether files have their new text.
func written(p *cluster.EtcdProcess, files []hostaction.FileChange) bool {
	if p == nil {
		return false
	}
	for _, f := range files {
		if !slices.ContainsFunc(p.Files, func(have cluster.TextFile) bool { return have.Path == f.Path && have.Text == f.After }) {
			return false
		}
	}
	return true
}

type etcdAgree struct {
	base
	action hostaction.EtcdAgree
}

// Done is found out by asking all members, which is all of the work.
func (etcdAgree) Done(context.Context) (bool, error) { return false, nil }

func (a etcdAgree) Do(ctx context.Context, r Reporter) error {
	var out hostaction.EtcdAgreement
	if err := a.hostOut(ctx, r, a.action, &out); err != nil {
		return err
	}
	r.Log(fmt.Sprintf("all members agree at revision %d: hash %s, %d leases", out.Revision, out.Hash, out.Leases))
	a.found(out)
	return nil
}

type etcdDowngrade struct {
	base
	action hostaction.EtcdDowngrade
}

// Done: a member that runs the older release was let in by a cluster that had gone back before; or the data of all members are of its minor.
func (a etcdDowngrade) Done(ctx context.Context) (bool, error) {
	h, err := a.etcdFacts(ctx, a.step.Node)
	if err != nil || len(h.Members) == 0 {
		return false, err
	}
	back := true
	for _, m := range h.Members {
		if m.Version.SameMinor(a.action.Version) {
			return true, nil
		}
		back = back && m.StorageVersion.SameMinor(a.action.Version)
	}
	return back, nil
}

func (a etcdDowngrade) Do(ctx context.Context, r Reporter) error { return a.host(ctx, r, a.action) }

// etcdServes is a gate: every member and every API server answers, without a break.
type etcdServes struct {
	base
	params plan.EtcdServesParams
}

func (etcdServes) Done(context.Context) (bool, error) { return false, nil }

func (a etcdServes) Do(ctx context.Context, r Reporter) error {
	return hold(ctx, r, time.Duration(a.params.Stable), func(ctx context.Context) (missing, mark string) {
		if missing = a.members(ctx); missing != "" {
			return missing, ""
		}
		if missing = a.controlPlane(ctx); missing != "" {
			return missing, ""
		}
		n, err := observe.EtcdRestarts(ctx, a.Client)
		if err != nil {
			return "API server: " + err.Error(), ""
		}
		return "", n
	}, nil)
}

// members says which of them does not answer, as seen from the step's node.
func (a etcdServes) members(ctx context.Context) (missing string) {
	h, err := a.etcdFacts(ctx, a.step.Node)
	if err != nil {
		return err.Error()
	}
	if h.Error != "" {
		return fmt.Sprintf("etcd on node %q: %s", a.step.Node, h.Error)
	}
	for _, m := range h.Members {
		switch {
		case m.Error != "":
			return fmt.Sprintf("etcd member %s: %s", m.Name, m.Error)
		case !a.params.Version.IsZero() && m.Version != a.params.Version:
			return fmt.Sprintf("etcd member %s to run %s (now %s)", m.Name, a.params.Version.Bare(), m.Version.Bare())
		case len(m.Alarms) > 0:
			return fmt.Sprintf("etcd member %s to have no alarm (%v)", m.Name, m.Alarms)
		}
	}
	if len(h.Members) == 0 {
		return fmt.Sprintf("etcd on node %q: no member answers", a.step.Node)
	}
	return ""
}

func (b base) etcdFacts(ctx context.Context, node string) (hostaction.EtcdHost, error) {
	var h hostaction.EtcdHost
	return h, b.look(ctx, node, "etcd-"+node, hostaction.EtcdFacts{}, &h)
}
