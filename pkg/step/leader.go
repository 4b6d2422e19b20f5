package step

import (
	"context"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

type moveEtcdLeader struct {
	base
	action hostaction.MoveEtcdLeader
}

// Done is found out by the action itself: there is nothing to give away where the local member does not lead.
func (a moveEtcdLeader) Done(context.Context) (bool, error) { return false, nil }

func (a moveEtcdLeader) Do(ctx context.Context, r Reporter) error {
	var moved hostaction.LeaderMoved
	if err := a.hostOut(ctx, r, a.action, &moved); err != nil {
		return err
	}
	if moved.To == "" && !moved.Snapshot {
		return ErrAlready
	}
	return nil
}
