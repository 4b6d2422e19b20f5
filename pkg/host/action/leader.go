package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// leaderLook is how often the members are asked whether they know of the new leader; an election takes about as long.
const leaderLook = 200 * time.Millisecond

// moveAgain is how long a leader is left in peace that could not be moved; etcd itself gives a move up after an election timeout, a second by default.
const moveAgain = 2 * time.Second

// moveEtcdLeader makes etcd ready to do without the member on this host for a moment: it keeps its raft from forgetting members at the start to come, and spares
// the cluster the second without a leader that it would have when the leading member just went away.
func moveEtcdLeader(ctx context.Context, a hostaction.MoveEtcdLeader, env Env) (any, error) {
	e, err := connectEtcd(ctx)
	if err != nil {
		return nil, err
	}
	if e == nil {
		fmt.Fprintln(env.Log, "no etcd runs on this host")
		return hostaction.LeaderMoved{}, nil
	}
	moved := hostaction.LeaderMoved{}
	for {
		err := e.ready(ctx, a, env, &moved)
		if err == nil {
			return moved, e.awaitOthers(ctx, env)
		}
		if !passes(err) || ctx.Err() != nil {
			return nil, err
		}
		// A member that has just been started has to catch up first. Nothing is lost by asking again: who leads is looked at anew.
		fmt.Fprintln(env.Log, err)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(moveAgain):
		}
	}
}

// ready keeps members from being forgotten, and gives the leadership away.
func (e *localEtcd) ready(ctx context.Context, a hostaction.MoveEtcdLeader, env Env, moved *hostaction.LeaderMoved) error {
	snapshot, err := e.keepVoters(ctx, env)
	if err != nil {
		return err
	}
	moved.Snapshot = moved.Snapshot || snapshot
	to, err := e.giveAway(ctx, a, env)
	if to != "" {
		moved.To = to
	}
	return err
}

func (e *localEtcd) keepVoters(ctx context.Context, env Env) (snapshot bool, err error) {
	all, err := e.Cluster(ctx, []string{e.endpoint})
	if err != nil {
		return false, err
	}
	return etcdhost.KeepVoters(ctx, env.Log, e.member, e.Client, all)
}

// tookTooLong is what a server says whose leader has not changed in time; it has no code of its own.
// https://github.com/etcd-io/etcd/blob/v3.6.6/server/etcdserver/errors/errors.go (ErrTimeoutLeaderTransfer)
const tookTooLong = "leader transfer took too long"

// othersWait is how long a member is kept up for the others' sake once its node is drained.
const othersWait = 2 * time.Minute

// awaitOtherMembers looks once more right before the member goes down with the kubelet that runs it: since leadership was given away the node was drained.
// Where the kubelet runs none, or it does not serve, there is nothing to wait for.
func awaitOtherMembers(ctx context.Context, env Env) error {
	e, err := connectEtcd(ctx)
	if err == nil && (e == nil || e.member.Run != cluster.EtcdAsPod) {
		return nil
	}
	if err == nil {
		err = e.Health(ctx, e.endpoint)
	}
	if err != nil {
		fmt.Fprintln(env.Log, "the etcd member on this host does not serve, and is not waited for:", err)
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, othersWait, fmt.Errorf("not within %s", othersWait))
	defer cancel()
	return e.awaitOthers(ctx, env)
}

// awaitOthers waits until the others can do without the member on this host, which goes down next. It may have been the leader whom a member still
// listened to that follows no other.
func (e *localEtcd) awaitOthers(ctx context.Context, env Env) error {
	tick := time.NewTicker(moveAgain)
	defer tick.Stop()
	said := ""
	for {
		missing := ""
		all, err := e.Cluster(ctx, []string{e.endpoint})
		if err != nil {
			missing = "members that can be asked: " + err.Error()
		} else {
			missing = indispensable(all)
		}
		if missing == "" {
			return nil
		}
		if missing != said {
			fmt.Fprintln(env.Log, "waiting for", missing)
			said = missing
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until etcd can do without the member on this host: %s: %w; it still runs; see: kubectl upgrade etcd status", missing, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// indispensable names the other members that do not answer, if those that do are no majority of all; else nothing. One that has raised an alarm votes all
// the same. Of two members that answer each may go down, which nobody can help.
func indispensable(all *ask.Cluster) string {
	var silent []string
	voters, others := 0, 0
	for _, m := range all.Members {
		switch {
		case m.Learner:
			continue
		case m.RaftID == all.Asked:
		case m.Error != "":
			silent = append(silent, fmt.Sprintf("member %s (%s)", m.Name, m.Error))
		default:
			others++
		}
		voters++
	}
	if len(silent) == 0 || others > voters/2 {
		return ""
	}
	return strings.Join(silent, ", ")
}

// passes tells whether a move may go well, or be needless, at the next try.
func passes(err error) bool {
	if known, ok := errors.AsType[rpctypes.EtcdError](err); ok && known.Code() == codes.Unavailable || errors.Is(err, rpctypes.ErrNotLeader) {
		return true
	}
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), tookTooLong)
}

// giveAway gives the leadership away once, if the member on this host has it, and names who has it now.
func (e *localEtcd) giveAway(ctx context.Context, a hostaction.MoveEtcdLeader, env Env) (name string, err error) {
	members, err := e.members(ctx)
	if err != nil {
		return "", err
	}
	if len(members) < 2 || !leads(members) {
		fmt.Fprintln(env.Log, "the member on this host does not lead, or is the only one")
		return "", nil
	}
	to, err := successor(members, a.Prefer)
	if err != nil {
		return "", err
	}
	id, err := strconv.ParseUint(to.ID, 16, 64)
	if err != nil {
		return "", fmt.Errorf("move etcd leader to %s: %w", to.Name, err)
	}
	err = e.move(ctx, id)
	if status.Code(err) == codes.Unimplemented || err != nil && before3(members) {
		fmt.Fprintln(env.Log, "this release of etcd cannot move its leader, which came with 3.3: the others elect one when it is gone")
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("move etcd leader to %s: %w", to.Name, err)
	}
	fmt.Fprintf(env.Log, "etcd's leader moved to %s\n", to.Name)
	return to.Name, e.awaitLeader(ctx, to)
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
