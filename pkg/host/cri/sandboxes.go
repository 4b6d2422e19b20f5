package cri

import (
	"context"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Labels by which the kubelet says what a container or a sandbox is of (k8s.io/kubelet/pkg/types).
const (
	podName      = "io.kubernetes.pod.name"
	podNamespace = "io.kubernetes.pod.namespace"
)

// Pod is what the API calls the pod that a container is of.
type Pod struct{ Namespace, Name string }

// PodOf tells the pod of a container.
func (c *Client) PodOf(ctx context.Context, container string) (Pod, error) {
	var resp runtime.ContainerStatusResponse
	if err := c.call(ctx, runtimeService, "ContainerStatus", &runtime.ContainerStatusRequest{ContainerId: container}, &resp); err != nil {
		return Pod{}, err
	}
	labels := resp.Status.GetLabels()
	return Pod{labels[podNamespace], labels[podName]}, nil
}

// Sandboxes are those that a pod has had and has, by their number: true for one that runs.
func (c *Client) Sandboxes(ctx context.Context, pod Pod) (map[string]bool, error) {
	var resp runtime.ListPodSandboxResponse
	of := &runtime.PodSandboxFilter{LabelSelector: map[string]string{podNamespace: pod.Namespace, podName: pod.Name}}
	if err := c.call(ctx, runtimeService, "ListPodSandbox", &runtime.ListPodSandboxRequest{Filter: of}, &resp); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, s := range resp.Items {
		out[s.Id] = s.State == runtime.PodSandboxState_SANDBOX_READY
	}
	return out, nil
}
