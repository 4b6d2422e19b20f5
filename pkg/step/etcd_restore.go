package step

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// Memory is what a run has left with the cluster that it works on, and that a restore has the cluster forget: its lock and its agents.
type Memory interface {
	// Retire is called before anything is forgotten: from then on nothing is wrong with a lock that is gone.
	Retire()
	// Forgotten tells whether the API server answers by what was restored. While none answers, that is an error.
	Forgotten(ctx context.Context) (bool, error)
	// Return takes the lock anew, and brings agents to the nodes.
	Return(ctx context.Context, waiting func(string)) error
}

// etcdBring brings a snapshot to a node.
type etcdBring struct {
	base
	params plan.EtcdBringParams
}

func (a etcdBring) files() []hostaction.File {
	return []hostaction.File{{Path: plan.SnapshotFile, Size: a.params.Size, SHA256: a.params.SHA256}}
}

// Done: it is there, under the name that it gets when its sum was right.
func (a etcdBring) Done(ctx context.Context) (bool, error) {
	held, err := a.Agents.Held(ctx, a.step.Node, a.params.SHA256, a.files())
	return err == nil && held[0].Whole, err
}

func (a etcdBring) Do(ctx context.Context, r Reporter) error {
	from := a.params.From.Path
	follow := agent.Follow{Log: r.Log, Waiting: r.Waiting}
	if node := a.params.From.Node; node != "" {
		var f hostaction.Offered
		if err := a.Agents.Do(ctx, node, a.Run+"/"+a.step.ID+"/from-"+node, hostaction.OfferFile{Path: from}, time.Hour, follow, &f); err != nil {
			return err
		}
		if f.SHA256 != a.params.SHA256 {
			return fmt.Errorf("bring snapshot: the SHA-256 of %s on node %q is %s, and was %s when the plan was made", from, node, f.SHA256, a.params.SHA256)
		}
		from = filepath.Join(a.Scratch, a.params.SHA256+".db")
		if err := a.Agents.Fetch(ctx, node, f, from, follow); err != nil {
			return err
		}
	}
	return a.Agents.Send(ctx, a.step.Node, a.params.SHA256, a.files(), LocalFile(from), follow)
}

// LocalFile is a file of this machine, as a source of agents'.
type LocalFile string

// Read implements agent.Source.
func (l LocalFile) Read(_ hostaction.File, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(string(l))
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("read snapshot: %w", err), f.Close())
	}
	return f, nil
}

// rebuilt tells whether the member of a node is of the new cluster, and answers.
func (b base) rebuilt(ctx context.Context, a hostaction.EtcdRebuild) (bool, error) {
	id, err := cluster.EtcdIdentify(a.Restore.Name, a.Restore.InitialCluster, a.Restore.Token)
	if err != nil {
		return false, err
	}
	h, err := b.etcdFacts(ctx, b.step.Node)
	if err != nil {
		return false, err
	}
	return h.ClusterID == fmt.Sprintf("%x", id.Cluster) && memberAt(h, a.Member.Name, a.Member.Version), nil
}

// etcdBegin has a host begin with what goes on by itself.
type etcdBegin struct {
	base
	params plan.EtcdBeginParams
}

// Done: an earlier run has got as far.
func (a etcdBegin) Done(ctx context.Context) (bool, error) { return a.rebuilt(ctx, a.params.Action) }

func (a etcdBegin) Do(ctx context.Context, r Reporter) error {
	err := a.Agents.Begin(ctx, a.step.Node, a.Run+"/"+a.params.Step, a.secretly(a.params.Action), a.limit(a.params.Action), agent.Follow{Log: r.Log, Waiting: r.Waiting}, hostaction.EtcdArmed)
	if refused, ok := errors.AsType[*agent.ActionError](err); ok {
		return errors.Join(refused, a.recall(ctx, a.params.Recall))
	}
	return err
}

// limit is how long a host may be at work with its part.
func (b base) limit(a hostaction.EtcdRebuild) time.Duration {
	if a.Convert != nil {
		return plan.ConvertTime
	}
	return time.Hour
}

// secretly gives hosts that hand data to each other a secret of this run, which is in no plan.
func (b base) secretly(a hostaction.EtcdRebuild) hostaction.EtcdRebuild {
	if a.Convert != nil {
		c := *a.Convert
		c.Secret = b.Agents.Secret()
		a.Convert = &c
	}
	return a
}

// etcdRebuild listens to what was begun, or begins it.
type etcdRebuild struct {
	base
	action hostaction.EtcdRebuild
}

// Done: the host itself finds out at once, and brings its API server up too if that is what is missing.
func (etcdRebuild) Done(context.Context) (bool, error) { return false, nil }

func (a etcdRebuild) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.secretly(a.action))
}

// etcdReturn waits for the API that serves what was restored.
type etcdReturn struct {
	base
	params plan.EtcdReturnParams
}

// Done: an earlier run has begun, and this one's lock and agents are of the new time.
func (a etcdReturn) Done(ctx context.Context) (bool, error) {
	return a.rebuilt(ctx, a.params.First.Action)
}

// returnLook is how often the API server is asked what it serves.
const returnLook = time.Second

func (a etcdReturn) Do(ctx context.Context, r Reporter) error {
	a.Memory.Retire()
	if err := a.forgotten(ctx, r); err != nil {
		return err
	}
	r.Log("the API serves what was restored")
	return a.Memory.Return(ctx, r.Waiting)
}

// forgotten waits until the API server answers by what was restored. While the old cluster still has its quorum it can be heard when the first host fails:
// then the others, which wait for it, are recalled.
func (a etcdReturn) forgotten(ctx context.Context, r Reporter) error {
	listening, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	var done sync.WaitGroup
	done.Go(func() {
		f := a.params.First
		err := a.Agents.Do(listening, a.step.Node, a.Run+"/"+f.Step, f.Action, time.Hour, agent.Follow{Log: r.Log}, nil)
		if refused, ok := errors.AsType[*agent.ActionError](err); ok {
			failed <- refused
		}
	})
	defer done.Wait()
	defer stop()
	tick := time.NewTicker(returnLook)
	defer tick.Stop()
	var last error
	for {
		gone, err := a.Memory.Forgotten(ctx)
		switch last = err; {
		case err != nil:
			r.Waiting("the API server to serve what is restored: " + err.Error())
		case gone:
			r.Waiting("")
			return nil
		default:
			r.Waiting(fmt.Sprintf("the member on node %q to be made anew", a.step.Node))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the API server to serve what is restored: %w; on node %q see: journalctl -u kubelet, crictl ps -a", errors.Join(context.Cause(ctx), last), a.step.Node)
		case err := <-failed:
			return errors.Join(err, a.recall(ctx))
		case <-tick.C:
		}
	}
}

func (a etcdReturn) recall(ctx context.Context) error { return a.base.recall(ctx, a.params.Recall) }

// recall has hosts end what they wait with for another one.
func (b base) recall(ctx context.Context, nodes []string) error {
	var errs []error
	for _, n := range nodes {
		errs = append(errs, b.look(ctx, n, "recall-"+n, hostaction.EtcdRecall{}, nil))
	}
	return errors.Join(errs...)
}
