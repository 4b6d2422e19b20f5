package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// answer waits until the server answers a read. Up to 3.5 one can be at its version and still refuse every request as "not
// capable": it learns what it can do just afterwards, or never when the log goes back to 2.x.
func (s *Server) answer(ctx context.Context) error {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		return fmt.Errorf("ask etcd %s: %w", s.opts.Version, err)
	}
	defer c.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := c.Get(try, "\x00", clientv3.WithLimit(1))
		cancel()
		// Who asks for a password serves.
		if err == nil || errors.Is(err, rpctypes.ErrUserEmpty) || errors.Is(err, rpctypes.ErrPermissionDenied) {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("ask etcd %s: %w: %v\n%s", s.opts.Version, ErrExited, s.err, s.tail)
		case <-ctx.Done():
			return fmt.Errorf("ask etcd %s: %w\n%s", s.opts.Version, err, s.tail)
		case <-tick.C:
		}
	}
}
