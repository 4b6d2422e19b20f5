package cri

import (
	"context"
	"errors"

	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// runtimeServices are the names of the runtime service, as services are those of the image service.
var runtimeServices = []string{"runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"}

// Runtime asks the runtime for its name, such as "containerd", "docker" or "cri-o".
func (i *Images) Runtime(ctx context.Context) (string, error) {
	var resp runtime.VersionResponse
	if err := i.callAny(ctx, runtimeServices, "Version", &runtime.VersionRequest{}, &resp); err != nil {
		return "", errors.New(status.Convert(err).Message())
	}
	return resp.RuntimeName, nil
}
