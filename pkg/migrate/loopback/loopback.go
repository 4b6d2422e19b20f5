// Package loopback finds addresses on this machine for servers that serve us alone.
package loopback

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// Free gives n different addresses, as host:port, that nothing listens on. Their host is one of 127.0.0.0/8 that nobody
// else is likely to use: between our finding a port and the server's opening it, one of 127.0.0.1 can become the near end
// of anybody's connection.
func Free(ctx context.Context, n int) ([]string, error) {
	host := fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	addresses := make([]string, n)
	for i := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", host)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}
