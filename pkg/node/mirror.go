package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	// awaited is the annotation by which the mirror of a static pod changes. It is taken away again.
	awaited = "kubectl-upgrade.io/awaited"
	// configHash is how the kubelet says which manifest a mirror is of.
	configHash = "kubernetes.io/config.hash"
	// wakeEvery is how often the kubelet is told to look.
	wakeEvery = 500 * time.Millisecond
	// wakeTime is what an API server gets to answer: it may be the one that is being replaced.
	wakeTime = 2 * time.Second
)

// Awaken has the kubelet of a node look at a static pod whose manifest has been replaced, until it has begun with the new one or ctx is done.
// The error is that of an API server that refuses it.
//
// A kubelet starts the new pod when the old one has ended. It looks whether that is so when the manifest changes, which is too soon, and then after 10 to 15 seconds, however
// soon the old one ended: that is most of what replacing a control plane takes. It looks earlier when the pod's mirror in the API changes.
// https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/kubelet/pod_workers.go (allowPodStart, backOffPeriod)
func Awaken(ctx context.Context, c kubernetes.Interface, node, component string) error {
	name := component + "-" + node
	var refused error
	before := ""
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	for {
		pod, err := annotate(ctx, c, name, time.Now().UTC().Format(time.RFC3339Nano))
		switch {
		case err == nil && before == "":
			before = pod.Annotations[configHash]
		case err == nil && pod.Annotations[configHash] != before:
			_, _ = annotate(ctx, c, name, nil) // it may be gone once more, and hurts nobody
			return nil
		case apierrors.IsForbidden(err):
			refused = fmt.Errorf("annotate pod %s/%s: %w", metav1.NamespaceSystem, name, err)
		}
		select {
		case <-ctx.Done():
			_, _ = annotate(context.WithoutCancel(ctx), c, name, nil)
			return refused
		case <-tick.C:
		}
	}
}

func annotate(ctx context.Context, c kubernetes.Interface, pod string, value any) (*corev1.Pod, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{awaited: value}}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	return c.CoreV1().Pods(metav1.NamespaceSystem).Patch(ctx, pod, types.MergePatchType, patch, metav1.PatchOptions{})
}
