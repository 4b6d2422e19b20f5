// Package cri asks the container runtime of the host for images.
package cri

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// services are the names of the image service, newest first. The messages that are used here are the same in both:
// v1alpha2 was copied to v1 as it was, so runtimes of the time of Kubernetes 1.12 answer too.
// https://github.com/kubernetes/kubernetes/pull/96387
var services = []string{"runtime.v1.ImageService", "runtime.v1alpha2.ImageService"}

// Images is the image service of a runtime.
type Images struct {
	conn *grpc.ClientConn
}

// Connect prepares a connection to a socket, given as unix:///path.
func Connect(socket string) (*Images, error) {
	c, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to container runtime at %s: %w", socket, err)
	}
	return &Images{conn: c}, nil
}

// Close ends the connection.
func (i *Images) Close() error { return i.conn.Close() }

// Present tells whether the runtime has an image. Errors of this and of Pull are the runtime's own words.
func (i *Images) Present(ctx context.Context, image string) (bool, error) {
	var resp runtime.ImageStatusResponse
	err := i.call(ctx, "ImageStatus", &runtime.ImageStatusRequest{Image: &runtime.ImageSpec{Image: image}}, &resp)
	if err != nil {
		return false, errors.New(status.Convert(err).Message())
	}
	return resp.Image != nil, nil
}

// Pull has the runtime pull an image, with the runtime's own credentials and mirrors.
func (i *Images) Pull(ctx context.Context, image string) error {
	var resp runtime.PullImageResponse
	err := i.call(ctx, "PullImage", &runtime.PullImageRequest{Image: &runtime.ImageSpec{Image: image}}, &resp)
	if err != nil {
		return errors.New(status.Convert(err).Message())
	}
	return nil
}

func (i *Images) call(ctx context.Context, method string, req, resp any) error {
	return i.callAny(ctx, services, method, req, resp)
}

func (i *Images) callAny(ctx context.Context, services []string, method string, req, resp any) error {
	var err error
	for _, s := range services {
		err = i.conn.Invoke(ctx, "/"+s+"/"+method, req, resp)
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	return err
}
