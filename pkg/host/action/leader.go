package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// leaderLook is how often the members are asked whether they know of the new leader; an election takes about as long.
const leaderLook = 200 * time.Millisecond

// moveEtcdLeader spares the cluster the second without a leader that it would have when the leading member just went away.
func moveEtcdLeader(ctx context.Context, a hostaction.MoveEtcdLeader, env Env) (any, error) {
	e, err := connectEtcd()
	if err != nil {
		return nil, err
	}
	if e == nil {
		fmt.Fprintln(env.Log, "no etcd runs on this host")
		return nil, nil
	}
	defer e.Close()
	members, err := e.members(ctx)
	if err != nil {
		return nil, err
	}
	if len(members) < 2 || !leads(members) {
		fmt.Fprintln(env.Log, "the member on this host does not lead, or is the only one")
		return nil, nil
	}
	to, err := successor(members, a.Prefer)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(to.ID, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("move etcd leader to %s: %w", to.Name, err)
	}
	moveCtx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if _, err := e.MoveLeader(moveCtx, id); err != nil {
		return nil, fmt.Errorf("move etcd leader to %s: %w", to.Name, err)
	}
	fmt.Fprintf(env.Log, "etcd's leader moved to %s\n", to.Name)
	return nil, e.awaitLeader(ctx, to, id)
}

// leads tells whether the member on this host is the leader.
func leads(members []hostaction.EtcdMember) bool {
	return slices.ContainsFunc(members, func(m hostaction.EtcdMember) bool { return m.Local && m.Leader })
}

// successor chooses who leads next: the first of prefer that can, else the first that can.
func successor(members []hostaction.EtcdMember, prefer []string) (hostaction.EtcdMember, error) {
	able := slices.DeleteFunc(slices.Clone(members), func(m hostaction.EtcdMember) bool { return m.Local || m.Learner || m.Error != "" })
	if len(able) == 0 {
		return hostaction.EtcdMember{}, errors.New("move etcd leader: no other voting member is healthy")
	}
	for _, name := range prefer {
		if i := slices.IndexFunc(able, func(m hostaction.EtcdMember) bool { return m.Name == name }); i >= 0 {
			return able[i], nil
		}
	}
	return able[0], nil
}

// awaitLeader waits until the new leader says of itself that it leads.
func (e *localEtcd) awaitLeader(ctx context.Context, to hostaction.EtcdMember, id uint64) error {
	tick := time.NewTicker(leaderLook)
	defer tick.Stop()
	for {
		_, leader, err := memberStatus(ctx, to.Endpoint, id, e.tls)
		if err == nil && leader {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("move etcd leader: wait for %s to lead: %w", to.Name, errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}
