// Package upgrade is the way of one upgrade from beginning to end: observe, preflight, plan, run, verify, clean up.
package upgrade

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Options are what the operator chose.
type Options struct {
	// To is the target; zero asks for the newest version that the package sources offer.
	To version.Version
	// Via fixes releases of minors between, which otherwise are the newest that the package sources offer.
	Via []version.Version
	// SkipChecks are IDs of findings, or patterns of them, in spite of which to go on.
	SkipChecks []string
	// Selector, if not empty, is a label selector of the only workers to touch.
	Selector string
	// MaxUnavailable is how many workers may be down at once: a number or a percentage of the workers.
	MaxUnavailable intstr.IntOrString
	Agent          agent.Options
	// AgentTimeout bounds the wait for the agents to be ready.
	AgentTimeout time.Duration
	KeepAgent    bool
	Plan         plan.Options
	Etcd         EtcdOptions
	// PackagesFrom and ImagesFrom are where packages and images come from; nil means where the nodes have them from by themselves.
	PackagesFrom, ImagesFrom *Source
	// Saved, if not nil, is the only plan that may be run.
	Saved *plan.Plan
	// Command is what to type to go on when the run does not reach its end.
	Command string
}

// Upgrade is one upgrade of one cluster.
type Upgrade struct {
	client *kube.Client
	opts   Options
	sink   event.Sink
	agents *agent.Agents

	lockMu sync.Mutex
	lock   *record.Lock
	// watchLock ends the run that goes on when a lock is lost.
	watchLock func(*record.Lock)
	// memory is set where the run has the cluster forget lock and agents; scratch is a folder of this machine.
	memory  *memory
	scratch string
	// guarded sends nothing once the lock is lost.
	guarded *kube.Client
	// deployed is set once the agent's namespace may be there; reached are the nodes whose agent was ready, and may have left files.
	deployed bool
	reached  []string
	found    found
	// anyRun is set for what may be done in the middle of an upgrade that was cut short; extra are nodes to be asked beside those that have to do with etcd.
	anyRun  bool
	extra   []string
	bundles bundles
}

// Prepared is what is known before anything changes.
type Prepared struct {
	Cluster *cluster.Cluster
	// Offered are the versions that the package sources have, by minor; set when no target was asked for.
	Offered map[string][]string
	To      version.Version
	// Path is every version that the control plane goes through; the last is To.
	Path []version.Version
	// Workers are the only workers to touch; nil means all.
	Workers  []string
	Findings []preflight.Finding
	// Plan is nil when preflight blocks.
	Plan *plan.Plan
	// Unfinished is the record of the upgrade that is to be given up, or gone on with; nil where there is none.
	Unfinished *record.Run
}

// BlockedError says that preflight found errors.
type BlockedError struct{ Findings []preflight.Finding }

func (e *BlockedError) Error() string {
	n := 0
	for _, f := range e.Findings {
		if f.Severity == preflight.Error {
			n++
		}
	}
	if n == 1 {
		return "preflight found 1 error: nothing was changed"
	}
	return fmt.Sprintf("preflight found %d errors: nothing was changed", n)
}

// New makes an upgrade. Close must be called in the end.
func New(client *kube.Client, opts Options, sink event.Sink) *Upgrade {
	u := &Upgrade{client: client, opts: opts, sink: sink}
	u.agents = agent.New(client, opts.Agent, u.waiting)
	return u
}

func (u *Upgrade) waiting(what string) { u.sink.Emit(event.Waiting{Time: time.Now(), For: what}) }

func (u *Upgrade) notice(format string, args ...any) {
	u.sink.Emit(event.Notice{Time: time.Now(), Text: fmt.Sprintf(format, args...)})
}

func (u *Upgrade) warn(format string, args ...any) {
	u.sink.Emit(event.Notice{Time: time.Now(), Warning: true, Text: fmt.Sprintf(format, args...)})
}

// Prepare observes the cluster, judges it and plans. Nothing is changed but for the agent, which Close takes away again.
// A BlockedError comes together with what is known so far.
func (u *Upgrade) Prepare(ctx context.Context) (*Prepared, error) { return u.patiently(ctx, u.prepare) }

func (u *Upgrade) prepare(ctx context.Context) (*Prepared, error) {
	p := &Prepared{To: u.opts.To}
	if blocked, err := u.rights(ctx, p); err != nil || blocked != nil {
		return p, errors.Join(err, orNil(blocked))
	}
	u.notice("observe cluster %s", u.client.Config.Host)
	if err := u.observe(ctx, p, observe.ForPlan); err != nil {
		return p, err
	}
	if err := u.sameCluster(p.Cluster); err != nil {
		return p, err
	}
	if err := u.noOther(ctx, p, plan.UpgradeKind); err != nil {
		return p, err
	}
	if err := u.chooseWorkers(ctx, p); err != nil {
		return p, err
	}
	if err := u.survey(ctx, p); err != nil {
		return nil, err
	}
	// What the API server alone can tell is judged before any agent is sent out.
	if err := u.judge(p, nil); err != nil {
		return p, err
	}
	purpose := "plan"
	if !p.To.IsZero() {
		if err := u.checkVia(p); err != nil {
			return p, err
		}
		purpose = "upgrade to " + p.To.String()
	}
	if err := u.takeLock(ctx, p, purpose); err != nil {
		return nil, err
	}
	if err := u.sendAgents(ctx, p); err != nil {
		return p, err
	}
	if err := u.bringBundles(ctx, p); err != nil {
		return p, err
	}
	reports, err := u.askHosts(ctx, p)
	if err != nil {
		return p, err
	}
	if err := u.judge(p, reports); err != nil {
		return p, err
	}
	packages := plan.Packages{}
	for node, rs := range reports {
		packages[node] = map[version.Version]hostaction.Resolution{}
		for _, r := range rs {
			packages[node][r.Version] = r.Resolution
		}
	}
	opts := u.opts.Plan
	opts.Workers, opts.Selector, opts.Via = p.Workers, u.opts.Selector, u.opts.Via
	if opts.MaxUnavailable, err = u.maxUnavailable(p); err != nil {
		return nil, err
	}
	opts.PackagesFrom, opts.ImagesFrom = u.bundles.origins()
	in := plan.Input{Cluster: p.Cluster, Path: p.Path, Packages: packages, Images: u.imagesByNode(p), Options: opts, Saved: u.opts.Saved}
	if r := p.Unfinished; r != nil {
		in.Begun, in.Unproven = r.Plan, r.To == p.To
	}
	p.Plan, err = plan.ForCluster(in)
	if err != nil {
		return nil, err
	}
	if err := u.notStale(p.Plan); err != nil {
		return p, err
	}
	p.Plan.StaticPods, err = u.staticPods(ctx, p, packages)
	return p, err
}

// orNil keeps a nil *BlockedError from becoming an error that is not nil.
func orNil(b *BlockedError) error {
	if b == nil {
		return nil
	}
	return b
}

// hasNode refuses a node that the operator has named and the cluster does not have.
func (p *Prepared) hasNode(name string) error {
	if _, ok := p.Cluster.Node(name); ok {
		return nil
	}
	return p.block(preflight.Finding{ID: "no-such-node", Severity: preflight.Error, Object: fmt.Sprintf("node %q", name), Message: "the cluster has no such node",
		Fix: "see: kubectl get nodes"})
}

func (p *Prepared) block(f ...preflight.Finding) *BlockedError {
	p.Findings = append(p.Findings, f...)
	return &BlockedError{Findings: p.Findings}
}

// judge runs preflight over what is known.
func (u *Upgrade) judge(p *Prepared, reports map[string][]preflight.HostReport) error {
	to := p.To
	if to.IsZero() {
		to = p.Cluster.Kubeadm.KubernetesVersion
	}
	atOnce, err := u.maxUnavailable(p)
	if err != nil {
		return err
	}
	p.Findings = preflight.Run(preflight.Input{
		Cluster: p.Cluster, To: to, Hosts: reports, Workers: p.Workers, SkipChecks: u.opts.SkipChecks, MaxUnavailable: atOnce, KeepEtcd: u.opts.Plan.KeepEtcd,
		BundledPackages: u.opts.PackagesFrom != nil, BundledImages: u.bundles.images != nil,
		DeleteEmptyDir: u.opts.Plan.DeleteEmptyDir, Force: u.opts.Plan.Force, DisableEviction: u.opts.Plan.DisableEviction,
	})
	if preflight.Blocked(p.Findings) {
		return &BlockedError{Findings: p.Findings}
	}
	return nil
}

func (u *Upgrade) takeLock(ctx context.Context, p *Prepared, purpose string) error {
	if u.lock != nil {
		return nil
	}
	lock, from, err := record.Acquire(ctx, u.client, record.Claim{ClusterUID: p.Cluster.UID, Purpose: purpose, Waiting: u.waiting, Clock: u.client.Now})
	if err != nil {
		return err
	}
	u.hold(lock)
	if from != "" {
		u.warn("took over the lock of %s, which is dead", from)
	}
	if u.guarded, err = u.client.Guarded(u.mayGoOn); err != nil {
		return err
	}
	u.agents = agent.New(u.guarded, u.opts.Agent, u.waiting)
	return nil
}

// hold makes a lock the one that counts.
func (u *Upgrade) hold(l *record.Lock) {
	u.lockMu.Lock()
	defer u.lockMu.Unlock()
	u.lock = l
}

// holds is the lock that counts.
func (u *Upgrade) holds() *record.Lock {
	u.lockMu.Lock()
	defer u.lockMu.Unlock()
	return u.lock
}

// mayGoOn tells whether the lock is still this run's.
func (u *Upgrade) mayGoOn(ctx context.Context) error {
	l := u.holds()
	if l == nil {
		return ErrLockLost
	}
	return l.Check(ctx)
}
