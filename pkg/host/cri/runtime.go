package cri

import (
	"context"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Runtime asks the runtime for its name, such as "containerd", "docker" or "cri-o".
func (c *Client) Runtime(ctx context.Context) (string, error) {
	var resp runtime.VersionResponse
	if err := c.call(ctx, runtimeService, "Version", &runtime.VersionRequest{}, &resp); err != nil {
		return "", err
	}
	return resp.RuntimeName, nil
}
