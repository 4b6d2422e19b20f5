package cri

import (
	"context"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Remove ends a container by force if it runs, and has the runtime forget it. One that the runtime does not know is none.
func (c *Client) Remove(ctx context.Context, container string) error {
	return c.call(ctx, runtimeService, "RemoveContainer", &runtime.RemoveContainerRequest{ContainerId: container}, &runtime.RemoveContainerResponse{})
}
