package kube

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/flowcontrol"
)

// client-go refuses a request at once that would have to wait longer than there is time. It says nothing about the server.
func TestIsRetryableTakesClientsOwnLimit(t *testing.T) {
	limiter := flowcontrol.NewTokenBucketRateLimiter(0.01, 1)
	limiter.Accept()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := limiter.Wait(ctx)
	if err == nil || !IsRetryable(fmt.Errorf("list pods: %w", err)) {
		t.Errorf("%v is taken for lasting", err)
	}
	for _, err := range []error{nil, context.Canceled, errors.New("no"), apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no role"))} {
		if IsRetryable(err) {
			t.Errorf("%v is taken for passing", err)
		}
	}
}
