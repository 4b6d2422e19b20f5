package upgrade

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// comebackTick is how often an API server that restarts is asked.
const comebackTick = time.Second

// patiently prepares. Where an upgrade is under way, a kubeadm that a killed run has left at work may restart API server and etcd: their
// errors are waited out, and all is looked at again. Elsewhere the first of them is the answer, for it comes from a wrong address more
// often than from a server that comes back.
func (u *Upgrade) patiently(ctx context.Context, prepare func(context.Context) (*Prepared, error)) (*Prepared, error) {
	underWay := record.Unfinished(u.client.Config.Host)
	until := time.Now().Add(patience)
	tick := time.NewTicker(comebackTick)
	defer tick.Stop()
	defer u.waiting("")
	for {
		err := u.reach(ctx, underWay, until)
		if err != nil {
			return nil, kube.ExplainConnection(u.client.Config, err)
		}
		p, err := prepare(ctx)
		if !underWay || !kube.IsRetryableLater(err) || ctx.Err() != nil || time.Now().After(until) {
			return p, err
		}
		u.waiting(fmt.Sprintf("the API server, which was in the middle of an upgrade: %v", err))
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// reach asks whether the API server is there. Where it has to come back first, it has to be ready: one that has just started does not know
// yet who may do what.
func (u *Upgrade) reach(ctx context.Context, underWay bool, until time.Time) error {
	if !underWay {
		_, err := u.client.Discovery().ServerVersion()
		return err
	}
	tick := time.NewTicker(comebackTick)
	defer tick.Stop()
	for {
		_, err := u.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil || !kube.IsRetryableLater(err) || time.Now().After(until) {
			return err
		}
		u.waiting(fmt.Sprintf("the API server, which was in the middle of an upgrade: %v", err))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
