// Package cri finds the container runtime of the host and talks to it.
package cri

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// service is one of the two services of a runtime.
type service string

const (
	imageService   service = "ImageService"
	runtimeService service = "RuntimeService"
)

// versions of the interface, newest first. The messages that are used here are the same in both: v1alpha2 was copied to v1 as it was, so
// runtimes of the time of Kubernetes 1.12 answer too.
// https://github.com/kubernetes/kubernetes/pull/96387
var versions = []string{"v1", "v1alpha2"}

// Client asks a runtime. Its errors are the runtime's own words.
type Client struct {
	conn *grpc.ClientConn
}

// Connect prepares a connection to a socket, given as unix:///path.
func Connect(socket string) (*Client, error) {
	conn, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to container runtime at %s: %w", socket, err)
	}
	return &Client{conn: conn}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

func (c *Client) call(ctx context.Context, s service, method string, req, resp any) error {
	var err error
	for _, v := range versions {
		err = c.conn.Invoke(ctx, fmt.Sprintf("/runtime.%s.%s/%s", v, s, method), req, resp)
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	if err != nil {
		return errors.New(status.Convert(err).Message())
	}
	return nil
}
