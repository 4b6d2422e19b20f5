package step

import (
	"context"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

type moveEtcdLeader struct {
	base
	action hostaction.MoveEtcdLeader
}

// Done: there is nothing to give away where the local member does not lead.
func (a moveEtcdLeader) Done(ctx context.Context) (bool, error) {
	var h hostaction.Health
	if err := a.look(ctx, a.step.Node, "health", hostaction.ControlPlaneHealth{}, &h); err != nil {
		return false, err
	}
	for _, m := range h.Members {
		if m.Local && m.Leader {
			return false, nil
		}
	}
	return h.Etcd == "", nil
}

func (a moveEtcdLeader) Do(ctx context.Context, r Reporter) error { return a.host(ctx, r, a.action) }
