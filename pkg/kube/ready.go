package kube

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// Ready asks an API server whether it is ready, and gives what it said. /readyz came with 1.16; those before have /healthz, and
// tell all but administrators that the other is forbidden.
func Ready(ctx context.Context, c rest.Interface) ([]byte, error) {
	body, err := c.Get().AbsPath("/readyz").DoRaw(ctx)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return c.Get().AbsPath("/healthz").DoRaw(ctx)
	}
	return body, err
}
