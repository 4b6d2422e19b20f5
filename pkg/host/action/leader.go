package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// leaderLook is how often the members are asked whether they know of the new leader; an election takes about as long.
const leaderLook = 200 * time.Millisecond

// moveEtcdLeader spares the cluster the second without a leader that it would have when the leading member just went away.
func moveEtcdLeader(ctx context.Context, a hostaction.MoveEtcdLeader, env Env) (any, error) {
	e, err := connectEtcd(ctx)
	if err != nil {
		return nil, err
	}
	if e == nil {
		fmt.Fprintln(env.Log, "no etcd runs on this host")
		return hostaction.LeaderMoved{}, nil
	}
	members, err := e.members(ctx)
	if err != nil {
		return nil, err
	}
	if len(members) < 2 || !leads(members) {
		fmt.Fprintln(env.Log, "the member on this host does not lead, or is the only one")
		return hostaction.LeaderMoved{}, nil
	}
	to, err := successor(members, a.Prefer)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(to.ID, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("move etcd leader to %s: %w", to.Name, err)
	}
	err = e.move(ctx, id)
	if status.Code(err) == codes.Unimplemented || err != nil && before3(members) {
		fmt.Fprintln(env.Log, "this release of etcd cannot move its leader, which came with 3.3: the others elect one when it is gone")
		return hostaction.LeaderMoved{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("move etcd leader to %s: %w", to.Name, err)
	}
	fmt.Fprintf(env.Log, "etcd's leader moved to %s\n", to.Name)
	return hostaction.LeaderMoved{To: to.Name}, e.awaitLeader(ctx, to)
}

func (e *localEtcd) move(ctx context.Context, id uint64) error {
	c, err := e.Dial(e.endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	_, err = c.MoveLeader(ctx, id)
	return err
}

// before3 tells whether the member on this host is of 2.x, which has nothing of the v3 API.
func before3(members []hostaction.EtcdMember) bool {
	return slices.ContainsFunc(members, func(m hostaction.EtcdMember) bool { return m.Local && strings.HasPrefix(m.Version, "2.") })
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
func (e *localEtcd) awaitLeader(ctx context.Context, to hostaction.EtcdMember) error {
	tick := time.NewTicker(leaderLook)
	defer tick.Stop()
	for {
		leader, err := e.lead(ctx, to)
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
