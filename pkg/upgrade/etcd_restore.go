package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// byHand are findings with which hosts cannot be reached, or not all of them: what is left is to go there. An API server that knows neither the operator nor
// kubeadm may be one whose member has lost its disk: kubeadm's manifest then makes an empty cluster of its own.
var byHand = []string{"etcd-no-server", "etcd-none", "etcd-views-differ", "node-not-ready", "agent-refused", "rights", "not-kubeadm"}

// ByHand tells whether findings that block leave only the way of going to each host.
func ByHand(fs []preflight.Finding) bool {
	return slices.ContainsFunc(fs, func(f preflight.Finding) bool { return f.Severity == preflight.Error && slices.Contains(byHand, f.ID) })
}

// PrepareEtcdRestore checks a snapshot by restoring and serving it once, and plans to make every member anew from it. Nothing is changed but for the agent, which
// Close takes away again. That no API server answers is a finding: then there is no way to the hosts from here.
func (u *Upgrade) PrepareEtcdRestore(ctx context.Context, from plan.EtcdBackup) (*Prepared, error) {
	if err := checkFile(from); err != nil {
		return &Prepared{}, fmt.Errorf("restore snapshot: %w", err)
	}
	p, err := u.patiently(ctx, func(ctx context.Context) (*Prepared, error) { return u.throughRestore(ctx, from) })
	// The operator's rights were there a moment before: who refuses them then is an API server that knows of nothing.
	if err == nil || ctx.Err() != nil || !kube.IsRetryable(err) && !apierrors.IsForbidden(err) {
		return p, err
	}
	if p == nil {
		p = &Prepared{}
	}
	return p, p.block(preflight.Finding{ID: "etcd-no-server", Severity: preflight.Error, Object: "API server " + u.client.Config.Host, Message: "it does not serve, and no other way leads to the hosts: " + err.Error(),
		Fix: "restore by hand, on each control-plane host"})
}

// checkFile wants an absolute path on a node. On this machine any path will do.
func checkFile(from plan.EtcdBackup) error {
	if from.Node != "" && !path.IsAbs(from.Path) {
		return fmt.Errorf("%q is no absolute path on node %q", from.Path, from.Node)
	}
	if from.Node == "" {
		_, err := os.Stat(from.Path)
		return err
	}
	return nil
}

// throughRestore prepares also while hosts go on with what a killed run has begun: when they have come to their end, the cluster knows nothing of this run's lock.
// Where somebody else has it, the second try tells.
func (u *Upgrade) throughRestore(ctx context.Context, from plan.EtcdBackup) (*Prepared, error) {
	p, err := u.prepareEtcdRestore(ctx, from)
	if !errors.Is(err, ErrLockLost) || ctx.Err() != nil {
		return p, err
	}
	if l := u.holds(); l != nil {
		l.Retire()
		if err := l.Abandon(); err != nil {
			return p, err
		}
		u.hold(nil)
	}
	return u.prepareEtcdRestore(ctx, from)
}

// untilLost gives a context that ends with the lock: an agent that is gone with it would be waited for otherwise.
func (u *Upgrade) untilLost(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	l := u.holds()
	go func() {
		select {
		case <-l.Lost():
			cancel(ErrLockLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (u *Upgrade) prepareEtcdRestore(ctx context.Context, from plan.EtcdBackup) (*Prepared, error) {
	p := &Prepared{}
	if blocked, err := u.rights(ctx, p); err != nil || blocked != nil {
		return p, errors.Join(err, orNil(blocked))
	}
	u.notice("observe cluster %s", u.client.Config.Host)
	if err := u.observe(ctx, p, observe.Cluster); err != nil {
		return p, err
	}
	u.opts.Agent.Nodes = observe.EtcdNodes(p.Cluster)
	if from.Node != "" {
		if err := u.alsoOn(p, from.Node); err != nil {
			return p, err
		}
	}
	judge := preflight.EtcdRestoreInput{Cluster: p.Cluster, Nodes: u.opts.Agent.Nodes, File: fileName(from)}
	if p.Findings = preflight.EtcdRestore(judge); preflight.Blocked(p.Findings) {
		return p, &BlockedError{Findings: p.Findings}
	}
	if err := u.takeLock(ctx, p, "restore etcd from "+fileName(from)); err != nil {
		return nil, err
	}
	ctx, end := u.untilLost(ctx)
	defer end()
	if err := u.sendAgents(ctx, p); err != nil {
		return p, err
	}
	hosts, err := u.askEtcd(ctx, p)
	if err != nil {
		return p, err
	}
	if err := u.recallWaiting(ctx, p, hosts); err != nil {
		return p, err
	}
	if waited, err := u.settle(ctx, p); err != nil {
		return p, err
	} else if waited {
		if err := u.lookAgain(ctx, p, observe.Cluster); err != nil {
			return p, err
		}
		if hosts, err = u.askEtcd(ctx, p); err != nil {
			return p, err
		}
	}
	judge.Cluster = p.Cluster
	if err := u.verifySnapshot(ctx, from, &judge); err != nil {
		return p, err
	}
	if p.Findings = preflight.EtcdRestore(judge); preflight.Blocked(p.Findings) {
		return p, &BlockedError{Findings: p.Findings}
	}
	p.Plan, err = plan.ForEtcdRestore(plan.EtcdRestoreInput{Cluster: p.Cluster, From: from, Snapshot: judge.Snapshot, Begun: begun(hosts, judge.Snapshot)})
	if err != nil {
		return nil, err
	}
	p.To = p.Plan.To
	return p, nil
}

// recallWaiting ends on hosts what a dead run has left waiting for a peer. Once one has begun it is let come to its end.
func (u *Upgrade) recallWaiting(ctx context.Context, p *Prepared, hosts map[string]hostaction.EtcdHost) error {
	for _, h := range hosts {
		if h.Rebuilt != nil {
			return nil
		}
	}
	return u.eachNode(ctx, p, func(ctx context.Context, n *cluster.Node) error {
		return u.ask(ctx, n.Name, "recall", hostaction.EtcdRecall{}, time.Minute, nil)
	})
}

// alsoOn has the node of a file asked too, which need not be one of etcd's.
func (u *Upgrade) alsoOn(p *Prepared, node string) error {
	if err := p.hasNode(node); err != nil {
		return err
	}
	if !slices.Contains(u.opts.Agent.Nodes, node) {
		u.opts.Agent.Nodes = append(u.opts.Agent.Nodes, node)
	}
	return nil
}

// verifySnapshot has the snapshot checked where it lies. One of this machine is brought to a host for that. That it is not in order is for preflight to say.
func (u *Upgrade) verifySnapshot(ctx context.Context, from plan.EtcdBackup, judge *preflight.EtcdRestoreInput) error {
	defer u.waiting("")
	at, want := from, ""
	if from.Node == "" {
		at.Node = u.opts.Agent.Nodes[0]
		f, err := u.bring(ctx, from.Path, at.Node)
		if err != nil {
			return err
		}
		at.Path, want = plan.SnapshotPath(f.SHA256), f.SHA256
	}
	u.notice("check %s on node %s by restoring and serving it once", fileName(from), at.Node)
	err := u.ask(ctx, at.Node, "snapshot", hostaction.EtcdVerify{Path: at.Path, SHA256: want}, time.Hour, &judge.Snapshot)
	why, refused := refusal(err)
	switch {
	case refused:
		judge.Problem = why
		return nil
	case err == nil && !judge.Snapshot.Verified:
		judge.Problem = "the host does not say that it is in order"
	}
	judge.Snapshot.Node, judge.Snapshot.Took = at.Node, 0
	return err
}

// fileName is what the operator has typed.
func fileName(from plan.EtcdBackup) string {
	if from.Node == "" {
		return from.Path
	}
	return from.Path + "@" + from.Node
}

// begun finds a restore of the same snapshot that hosts have begun and were not told the end of.
func begun(hosts map[string]hostaction.EtcdHost, s hostaction.Snapshot) *hostaction.EtcdRebuilt {
	for _, h := range hosts {
		if b := h.Rebuilt; b != nil && b.SHA256 == s.SHA256 && strings.HasPrefix(b.Token, plan.RestoreToken) {
			return b
		}
	}
	return nil
}

// Restore executes the plan. The record is on this machine only: that in the cluster would be gone with the rest.
func (u *Upgrade) Restore(ctx context.Context, p *Prepared, sink event.Sink, stop <-chan struct{}) (engine.Outcome, error) {
	logs, journal, err := u.log(u.describe(p))
	if err != nil {
		return engine.Outcome{}, err
	}
	defer logs.Close()
	if err := u.makeScratch(); err != nil {
		journal.Finish(left(engine.Outcome{Err: err}, false))
		return engine.Outcome{}, err
	}
	u.memory = &memory{u: u, p: p}
	out := u.walk(ctx, p.Plan, name(p), event.Tee(sink, keep(logs, u.warn), journal), stop)
	journal.Finish(left(out, false))
	return out, nil
}

// makeScratch makes a folder for a file that holds every secret of the cluster. Close removes it.
func (u *Upgrade) makeScratch() (err error) {
	if u.scratch == "" {
		u.scratch, err = os.MkdirTemp("", "kubectl-upgrade-")
	}
	if err != nil {
		return fmt.Errorf("make folder for the snapshot: %w", err)
	}
	return nil
}

// memory is the lock and the agents of a run that has the cluster forget them.
type memory struct {
	u    *Upgrade
	p    *Prepared
	mu   sync.Mutex
	lock *record.Lock // the retired one
}

// Retire implements step.Memory.
func (m *memory) Retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lock == nil {
		m.lock = m.u.holds()
		m.lock.Retire()
	}
}

// Forgotten implements step.Memory.
func (m *memory) Forgotten(ctx context.Context) (bool, error) {
	if _, err := kube.Ready(ctx, m.u.client.Discovery().RESTClient()); err != nil {
		return false, err
	}
	return m.lock.Forgotten(ctx)
}

// returnLook is how often is tried to come back.
const returnLook = 2 * time.Second

// Return implements step.Memory. Whatever fails is tried again: an API server that has just started refuses what it allows a moment later, and the lock of the
// run that took the snapshot lives on in it for as long as a dead one's does.
func (m *memory) Return(ctx context.Context, waiting func(string)) error {
	defer waiting("")
	tick := time.NewTicker(returnLook)
	defer tick.Stop()
	for {
		err := m.again(ctx)
		if err == nil {
			return nil
		}
		waiting("lock and agents on the cluster as it is now: " + err.Error())
		select {
		case <-ctx.Done():
			return fmt.Errorf("take the lock and send the agent anew: %w", errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

// again does what is left to do.
func (m *memory) again(ctx context.Context) error {
	u := m.u
	if u.holds() == m.lock {
		if err := m.lock.Abandon(); err != nil {
			return err
		}
		lock, _, err := record.Acquire(ctx, u.client, record.Claim{ClusterUID: m.p.Cluster.UID, Purpose: "restore etcd", Waiting: u.waiting, Clock: u.client.Now})
		if err != nil {
			return err
		}
		u.hold(lock)
		u.watchLock(lock)
	}
	if err := u.agents.Ensure(ctx, m.p.Cluster.Version); err != nil {
		return err
	}
	reached, err := u.agents.AwaitReady(ctx, u.opts.Agent.Nodes, u.opts.AgentTimeout)
	u.reached = reached
	return err
}
