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
)

// CordonAnnotation marks a cordon as ours. A node that somebody else had cordoned never gets it,
// and only a node that has it is uncordoned (rancher/system-upgrade-controller#341).
const CordonAnnotation = "kubectl-upgrade.io/cordoned"

// CordonedByUs tells whether the node's cordon is ours to lift.
func CordonedByUs(n *corev1.Node) bool { return n.Annotations[CordonAnnotation] != "" }

// Cordon makes a node unschedulable and marks the cordon as ours, in one write, so that there is no instant at which
// a killed plugin leaves a cordon that nobody owns. A node that is unschedulable already is left as it is: ours is then false.
func Cordon(ctx context.Context, c kubernetes.Interface, name string) (ours bool, err error) {
	n, err := c.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("cordon node %q: %w", name, err)
	}
	if n.Spec.Unschedulable {
		return CordonedByUs(n), nil
	}
	return true, patch(ctx, c, n, "cordon", true, "by kubectl-upgrade")
}

// Uncordon makes a node schedulable again if the cordon is ours; otherwise it changes nothing.
func Uncordon(ctx context.Context, c kubernetes.Interface, name string) error {
	n, err := c.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("uncordon node %q: %w", name, err)
	}
	if !CordonedByUs(n) {
		return nil
	}
	return patch(ctx, c, n, "uncordon", nil, nil)
}

// patch writes both fields at once; nil takes a field away. The resource version makes a change by somebody else in between a conflict.
func patch(ctx context.Context, c kubernetes.Interface, n *corev1.Node, verb string, unschedulable, annotation any) error {
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": n.ResourceVersion, "annotations": map[string]any{CordonAnnotation: annotation}},
		"spec":     map[string]any{"unschedulable": unschedulable},
	})
	if err != nil {
		return fmt.Errorf("%s node %q: %w", verb, n.Name, err)
	}
	if _, err := c.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, body, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("%s node %q: %w", verb, n.Name, err)
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
