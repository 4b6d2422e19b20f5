package action

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
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
	local, up, down, learner := hostaction.EtcdMember{Name: "me", Local: true}, hostaction.EtcdMember{Name: "a"}, hostaction.EtcdMember{Name: "b", Error: "etcdserver: no leader"}, hostaction.EtcdMember{Name: "l", Learner: true, Error: "slow"}
	for _, c := range []struct {
		members []hostaction.EtcdMember
		want    string
	}{
		{[]hostaction.EtcdMember{local}, ""},
		{[]hostaction.EtcdMember{local, up}, ""},
		{[]hostaction.EtcdMember{local, up, up}, ""},
		{[]hostaction.EtcdMember{local, up, up, learner}, ""},
		{[]hostaction.EtcdMember{local, up, down}, "member b (etcdserver: no leader)"},
		{[]hostaction.EtcdMember{local, down}, "member b (etcdserver: no leader)"},
		{[]hostaction.EtcdMember{local, up, up, up, down}, ""},
		{[]hostaction.EtcdMember{local, up, up, down, down}, "member b (etcdserver: no leader), member b (etcdserver: no leader)"},
	} {
		if got := indispensable(c.members); got != c.want {
			t.Errorf("%v: %q, want %q", c.members, got, c.want)
		}
	}
}
