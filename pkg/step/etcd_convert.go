package step

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// etcdConvert has the first host do its part of a conversion, after which the others do theirs.
type etcdConvert struct {
	base
	params plan.EtcdConvertParams
}

// Done: the host itself finds out at once, and brings its API server up too if that is what is missing.
func (etcdConvert) Done(context.Context) (bool, error) { return false, nil }

// Do recalls the others where the host says that it has failed: its API server is there again then, and tells them so.
func (a etcdConvert) Do(ctx context.Context, r Reporter) error {
	p := a.params.Begin
	err := a.Agents.Do(ctx, a.step.Node, a.Run+"/"+p.Step, a.secretly(p.Action), time.Duration(a.step.Timeout), agent.Follow{Log: r.Log, Waiting: r.Waiting}, nil)
	if refused, ok := errors.AsType[*agent.ActionError](err); ok {
		return errors.Join(refused, a.recall(ctx, a.params.Recall))
	}
	return err
}
