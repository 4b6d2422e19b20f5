package action

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
