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

// Downgrade lets a running server of 3.6 or newer take its data back to the minor before, and waits until it has. What may
// be started on it then is that minor.
func (s *Server) Downgrade(ctx context.Context, minor string) error {
	if err := s.downgrade(ctx, clientv3.DowngradeEnable, minor); err != nil {
		return err
	}
	want := minorOf(minor)
	return s.until(ctx, fmt.Sprintf("wait for the downgrade to %s", minor), func(v versions) bool {
		return minorOf(v.Cluster) == want && minorOf(v.Storage) == want
	})
}

// EndDowngrade tells the older server that the way back is over. It finds that out by itself, some seconds later; stopped
// before, it leaves a job behind over which the next release waits for ever.
func (s *Server) EndDowngrade(ctx context.Context) error {
	for {
		// 3.5 does it and never says so. The second time it says that there is nothing to end.
		try, cancel := context.WithTimeout(ctx, time.Second)
		err := s.downgrade(try, clientv3.DowngradeCancel, "")
		cancel()
		if err == nil || errors.Is(err, rpctypes.ErrNoInflightDowngrade) {
			return nil
		}
		if try.Err() == nil || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Server) downgrade(ctx context.Context, action clientv3.DowngradeAction, minor string) error {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		return fmt.Errorf("downgrade: %w", err)
	}
	defer c.Close()
	if _, err := c.Downgrade(ctx, action, minor); err != nil {
		return fmt.Errorf("downgrade: %w", err)
	}
	return nil
}
