// Package node cordons, drains and uncordons nodes, and tells how they and their pods are.
package node

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// CordonAnnotation marks a cordon as ours. A node that somebody else had cordoned never gets it,
// and only a node that has it is uncordoned (rancher/system-upgrade-controller#341).
const CordonAnnotation = "kubectl-upgrade.io/cordoned"

// CordonedByUs tells whether the node's cordon is ours to lift.
func CordonedByUs(n *corev1.Node) bool { return n.Annotations[CordonAnnotation] != "" }

// Cordon makes a node unschedulable and marks the cordon as ours, in one write, so that there is no instant at which
// a killed plugin leaves a cordon that nobody owns. A node that is unschedulable already is left as it is: ours is then false.
func Cordon(ctx context.Context, c kubernetes.Interface, name string) (ours bool, err error) {
	err = edit(ctx, c, name, "cordon", func(n *corev1.Node) map[string]any {
		if n.Spec.Unschedulable {
			ours = CordonedByUs(n)
			return nil
		}
		ours = true
		return cordon(true, "by kubectl-upgrade")
	})
	return ours, err
}

// Uncordon makes a node schedulable again if the cordon is ours; otherwise it changes nothing.
func Uncordon(ctx context.Context, c kubernetes.Interface, name string) error {
	return edit(ctx, c, name, "uncordon", func(n *corev1.Node) map[string]any {
		if !CordonedByUs(n) {
			return nil
		}
		return cordon(nil, nil)
	})
}

// Release lifts our cordon and takes our mark away, what there is of them, in one write: a plugin killed between two would leave a node
// that looks as if its turn were not over, and is marked again.
func Release(ctx context.Context, c kubernetes.Interface, name string) error {
	return edit(ctx, c, name, "uncordon", func(n *corev1.Node) map[string]any {
		patch, spec := map[string]any{}, map[string]any{}
		if CordonedByUs(n) {
			patch, spec["unschedulable"] = cordon(nil, nil), nil
		}
		if Marked(n) {
			spec["taints"] = unmarked(n)
		}
		if len(spec) == 0 {
			return nil
		}
		patch["spec"] = spec
		return patch
	})
}

// cordon is a merge patch of both fields at once; nil takes a field away.
func cordon(unschedulable, annotation any) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{CordonAnnotation: annotation}},
		"spec":     map[string]any{"unschedulable": unschedulable},
	}
}

// edit looks at a node and merges into it what change makes of that; nil changes nothing. The resource version makes a write by
// somebody else in between, which may be the kubelet at any time, a conflict, after which the node is looked at anew.
func edit(ctx context.Context, c kubernetes.Interface, name, verb string, change func(*corev1.Node) map[string]any) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		n, err := c.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		patch := change(n)
		if patch == nil {
			return nil
		}
		meta, ok := patch["metadata"].(map[string]any)
		if !ok {
			meta = map[string]any{}
			patch["metadata"] = meta
		}
		meta["resourceVersion"] = n.ResourceVersion
		body, err := json.Marshal(patch)
		if err != nil {
			return err
		}
		_, err = c.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s node %q: %w", verb, name, err)
	}
	return nil
}

// Ready tells whether the node's kubelet reports Ready, and if not, its own words for it.
func Ready(n *corev1.Node) (bool, string) {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			if c.Status == corev1.ConditionTrue {
				return true, ""
			}
			return false, c.Reason + ": " + c.Message
		}
	}
	return false, "the kubelet has not reported yet"
}

// PodReady tells whether a pod is Ready.
func PodReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// IsMirror tells whether a pod is the API server's image of a static pod.
func IsMirror(p *corev1.Pod) bool {
	_, ok := p.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}
