package action

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
)

// TestMovesThatMayPass: a new leader that is not ready yet is asked again, and what etcd refuses is not.
func TestMovesThatMayPass(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{status.Error(codes.Unknown, "etcdserver: request timed out, leader transfer took too long"), true},
		{rpctypes.ErrNoLeader, true},
		{rpctypes.ErrNotLeader, true},
		{context.DeadlineExceeded, true},
		{status.Error(codes.DeadlineExceeded, "context deadline exceeded"), true},
		{status.Error(codes.Unavailable, "connection refused"), true},
		{rpctypes.ErrPermissionDenied, false},
		{rpctypes.ErrMemberNotFound, false},
		{errors.New("no other voting member is healthy"), false},
	} {
		if got := passes(fmt.Errorf("move etcd leader to cp-2: %w", c.err)); got != c.want {
			t.Errorf("%v: %t, want %t", c.err, got, c.want)
		}
	}
}

// TestIndispensable: a member goes down only where the others are a majority without it.
func TestIndispensable(t *testing.T) {
	named := func(name, problem string, learner bool, alarms ...string) ask.Member {
		return ask.Member{RaftID: uint64(len(name)) + uint64(name[0]), EtcdMember: cluster.EtcdMember{Name: name, Error: problem, Learner: learner, EtcdStatus: cluster.EtcdStatus{Alarms: alarms}}}
	}
	local, up, full := named("me", "", false), named("a", "", false), named("f", "", false, "NOSPACE")
	down, learner := named("b", "etcdserver: no leader", false), named("l", "slow", true)
	for _, c := range []struct {
		members []ask.Member
		want    string
	}{
		{[]ask.Member{local}, ""},
		{[]ask.Member{local, up}, ""},
		{[]ask.Member{local, up, up}, ""},
		{[]ask.Member{local, up, full}, ""},
		{[]ask.Member{local, up, up, learner}, ""},
		{[]ask.Member{local, up, down}, "member b (etcdserver: no leader)"},
		{[]ask.Member{local, down}, "member b (etcdserver: no leader)"},
		{[]ask.Member{local, up, up, up, down}, ""},
		{[]ask.Member{local, up, up, down, down}, "member b (etcdserver: no leader), member b (etcdserver: no leader)"},
	} {
		if got := indispensable(&ask.Cluster{Asked: local.RaftID, Members: c.members}); got != c.want {
			t.Errorf("%v: %q, want %q", c.members, got, c.want)
		}
	}
}
