package kube

import (
	"errors"
	"fmt"
	"net/url"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestBrief(t *testing.T) {
	const address = "https://10.0.0.1:6443/api/v1/namespaces/kube-system/configmaps/lock?timeout=15s"
	refused := &url.Error{Op: "Get", URL: address, Err: syscall.ECONNREFUSED}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no role"))
	for want, err := range map[string]error{
		"no such thing": errors.New("no such thing"),
		"list pods: API server 10.0.0.1:6443: connection refused":                                              fmt.Errorf("list pods: %w", refused),
		"list pods: read lock: API server 10.0.0.1:6443: connection refused":                                   fmt.Errorf("list pods: %w", &url.Error{Op: "Get", URL: address, Err: fmt.Errorf("read lock: %w", refused)}),
		"list pods: " + forbidden.Error() + " (one that has just started says so until it has read the roles)": fmt.Errorf("list pods: %w", forbidden),
		"list pods: API server 10.0.0.1:6443: connection refused: and more (of what came before)":              fmt.Errorf("list pods: %w: and more (of what came before)", refused),
	} {
		if got := Brief(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
