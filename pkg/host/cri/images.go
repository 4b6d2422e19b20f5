package cri

import (
	"context"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Present tells whether the runtime has an image.
func (c *Client) Present(ctx context.Context, image string) (bool, error) {
	var resp runtime.ImageStatusResponse
	if err := c.call(ctx, imageService, "ImageStatus", &runtime.ImageStatusRequest{Image: &runtime.ImageSpec{Image: image}}, &resp); err != nil {
		return false, err
	}
	return resp.Image != nil, nil
}

// Pull has the runtime pull an image, by its own mirrors, and with its own credentials where auth is nil.
func (c *Client) Pull(ctx context.Context, image string, auth *runtime.AuthConfig) error {
	var resp runtime.PullImageResponse
	return c.call(ctx, imageService, "PullImage", &runtime.PullImageRequest{Image: &runtime.ImageSpec{Image: image}, Auth: auth}, &resp)
}
