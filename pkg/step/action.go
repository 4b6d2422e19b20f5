// Package step does what the steps of a plan say. Every kind has a file of its own.
package step

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// Action is one step, ready to be done.
type Action interface {
	// Done tells, by looking at the cluster and its hosts, whether there is nothing left to do. It changes nothing.
	Done(ctx context.Context) (bool, error)
	// Do does the step. It may be called again after it failed or was cut short at any point.
	Do(ctx context.Context, r Reporter) error
}

// ErrAlready is returned by a step that finds out in its course that there was nothing left to do.
var ErrAlready = errors.New("there was nothing left to do")

// Reporter takes what a step has to say while it works.
type Reporter struct {
	Log     func(line string)
	Waiting func(what string)
}

// Deps are what steps work with.
type Deps struct {
	Client *kube.Client
	Agents *agent.Agents
	// Run names the upgrade, such as "v1.34.2". Host actions carry it in their names, so that a later process finds them.
	Run string
	// Found, if not nil, takes what a step has found out or done, as the output type of its host action. Steps run side by side.
	Found func(s plan.Step, out any)
	// Sources have the files of bundles, by the digest of the manifest. A nil source says that the agent's image carries them.
	Sources map[string]agent.Source
	// Waiting, if not nil, is told what a look at a host waits for, also before a step is done.
	Waiting func(s plan.Step, what string)
	// Scratch is a folder of this machine for what is brought from one node to another. Memory is what a restore has the cluster forget.
	Scratch string
	Memory  Memory
}

// New makes the action of a step. A kind that this release does not know is an error.
func (d Deps) New(s plan.Step) (Action, error) {
	switch s.Kind {
	case plan.Cordon:
		return bind[plan.CordonParams](d, s, func(b base, p plan.CordonParams) Action { return cordon{b, p} })
	case plan.Drain:
		return bind[plan.DrainParams](d, s, func(b base, p plan.DrainParams) Action { return drain{b, p} })
	case plan.NodeReady:
		return bind[plan.NodeReadyParams](d, s, func(b base, p plan.NodeReadyParams) Action { return nodeReady{b, p} })
	case plan.ControlPlaneReady:
		return bind[plan.ControlPlaneReadyParams](d, s, func(b base, p plan.ControlPlaneReadyParams) Action { return controlPlaneReady{b, p} })
	case plan.Uncordon:
		return uncordon{base{d, s}}, nil
	case plan.Mark:
		return bind[plan.MarkParams](d, s, func(b base, p plan.MarkParams) Action { return mark{b, p} })
	case plan.Pause:
		return pause{base{d, s}}, nil
	case plan.NodesServe:
		return bind[plan.ServingParams](d, s, func(b base, p plan.ServingParams) Action { return nodesServe{b, p} })
	case plan.Send:
		return bind[plan.SendParams](d, s, func(b base, p plan.SendParams) Action { return send{b, p} })
	case plan.SetImageRepository:
		return bind[plan.ImageRepositoryParams](d, s, func(b base, p plan.ImageRepositoryParams) Action { return imageRepository{b, p} })
	case plan.RewriteConfig:
		return bind[plan.RewriteParams](d, s, func(b base, p plan.RewriteParams) Action { return rewriteConfig{b, p} })
	case plan.PutBackConfig:
		return bind[plan.PutBackParams](d, s, func(b base, p plan.PutBackParams) Action { return putBackConfig{b, p} })
	case plan.Verify:
		return bind[plan.VerifyParams](d, s, func(b base, p plan.VerifyParams) Action { return verify{b, p} })
	}
	switch hostaction.Kind(s.Kind) {
	case hostaction.DownloadPackages{}.Kind():
		return bind[hostaction.DownloadPackages](d, s, func(b base, p hostaction.DownloadPackages) Action { return downloadPackages{b, p} })
	case hostaction.ImportImages{}.Kind():
		return bind[hostaction.ImportImages](d, s, func(b base, p hostaction.ImportImages) Action { return importImages{b, p} })
	case hostaction.PullImages{}.Kind():
		return bind[hostaction.PullImages](d, s, func(b base, p hostaction.PullImages) Action { return pullImages{b, p} })
	case hostaction.InstallPackages{}.Kind():
		return bind[hostaction.InstallPackages](d, s, func(b base, p hostaction.InstallPackages) Action { return installPackages{b, p} })
	case hostaction.FinishPackages{}.Kind():
		return bind[hostaction.FinishPackages](d, s, func(b base, p hostaction.FinishPackages) Action { return finishPackages{b, p} })
	case hostaction.RestoreKubeletConfig{}.Kind():
		return bind[hostaction.RestoreKubeletConfig](d, s, func(b base, p hostaction.RestoreKubeletConfig) Action { return restoreKubeletConfig{b, p} })
	case hostaction.KubeadmPlan{}.Kind():
		return bind[hostaction.KubeadmPlan](d, s, func(b base, p hostaction.KubeadmPlan) Action { return kubeadmPlan{b, p} })
	case hostaction.KubeadmApply{}.Kind():
		return bind[hostaction.KubeadmApply](d, s, func(b base, p hostaction.KubeadmApply) Action { return kubeadmApply{b, p} })
	case hostaction.KubeadmNode{}.Kind():
		return bind[hostaction.KubeadmNode](d, s, func(b base, p hostaction.KubeadmNode) Action { return kubeadmNode{b, p} })
	case hostaction.MoveEtcdLeader{}.Kind():
		return bind[hostaction.MoveEtcdLeader](d, s, func(b base, p hostaction.MoveEtcdLeader) Action { return moveEtcdLeader{b, p} })
	case hostaction.RestartKubelet{}.Kind():
		return bind[hostaction.RestartKubelet](d, s, func(b base, p hostaction.RestartKubelet) Action { return restartKubelet{b, p} })
	}
	if a, err := d.etcd(s); a != nil || err != nil {
		return a, err
	}
	return nil, fmt.Errorf("kind %q is not known to this release", s.Kind)
}

func bind[P any](d Deps, s plan.Step, make func(base, P) Action) (Action, error) {
	p, err := plan.Params[P](s)
	if err != nil {
		return nil, err
	}
	return make(base{d, s}, p), nil
}

// base is what every action has: the means and its step.
type base struct {
	Deps
	step plan.Step
}

// host runs a host action under the step's own name.
func (b base) host(ctx context.Context, r Reporter, a hostaction.Action) error {
	return b.hostOut(ctx, r, a, nil)
}

// hostOut is host for an action whose output is wanted.
func (b base) hostOut(ctx context.Context, r Reporter, a hostaction.Action, out any) error {
	return b.Agents.Do(ctx, b.step.Node, b.Run+"/"+b.step.ID, a, time.Duration(b.step.Timeout), agent.Follow{Log: r.Log, Waiting: r.Waiting}, out)
}

func (b base) found(out any) {
	if b.Found != nil {
		b.Found(b.step, out)
	}
}

// look runs an action that changes nothing, for a step that wants to know how a host is.
func (b base) look(ctx context.Context, node, what string, a hostaction.Action, out any) error {
	follow := agent.Follow{}
	if b.Waiting != nil {
		follow.Waiting = func(what string) { b.Waiting(b.step, what) }
	}
	return b.Agents.Do(ctx, node, b.Run+"/"+b.step.ID+"/"+what, a, time.Minute, follow, out)
}

// hostsAtOnce is how many hosts are asked at the same time.
const hostsAtOnce = 20

// glanceTime bounds the look of a gate, which looks again in any case.
const glanceTime = 30 * time.Second

// glance is look for a gate: what keeps it from seeing one host must not keep it from saying so.
func (b base) glance(ctx context.Context, node, what string, a hostaction.Action, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, glanceTime, fmt.Errorf("no answer within %s", glanceTime))
	defer cancel()
	return b.look(ctx, node, what, a, out)
}

// packagesOf looks at those of several hosts at once.
func (b base) packagesOf(ctx context.Context, nodes []string) ([]*cluster.Host, error) {
	out := make([]*cluster.Host, len(nodes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(hostsAtOnce)
	for i, node := range nodes {
		g.Go(func() (err error) {
			out[i], err = b.packages(ctx, node)
			return err
		})
	}
	return out, g.Wait()
}

// packages looks at the packages of a host and at nothing else.
func (b base) packages(ctx context.Context, node string) (*cluster.Host, error) {
	var h cluster.Host
	return &h, b.look(ctx, node, "packages-"+node, hostaction.Facts{PackagesOnly: true}, &h)
}
