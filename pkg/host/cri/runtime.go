package cri

import (
	"context"
	"fmt"

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

// Missing says what keeps the runtime from running pods: it is not ready itself, or its network is not. Empty means nothing. These are the
// conditions by which the kubelet calls its node Ready.
// https://github.com/kubernetes/cri-api/blob/v0.35.4/pkg/apis/runtime/v1/constants.go
func (c *Client) Missing(ctx context.Context) (string, error) {
	var resp runtime.StatusResponse
	if err := c.call(ctx, runtimeService, "Status", &runtime.StatusRequest{}, &resp); err != nil {
		return "", err
	}
	for _, cond := range resp.Status.GetConditions() {
		if (cond.Type == runtime.RuntimeReady || cond.Type == runtime.NetworkReady) && !cond.Status {
			return fmt.Sprintf("%s is false: %s", cond.Type, cond.Message), nil
		}
	}
	return "", nil
}
