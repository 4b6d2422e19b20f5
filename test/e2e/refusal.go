package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// refusesHostPaths waits until the API server has taken up what was told to it: admission rules are read with a delay.
// It asks with a dry run, in the agent's own namespace, for the rules are about no other.
func (e *env) refusesHostPaths(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: agentNamespace}}
	if _, err := e.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "try"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "try", Image: "none.example/none"}},
			Volumes:    []corev1.Volume{{Name: "root", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}},
		},
	}
	err := poll(ctx, time.Minute, "the pod to be refused", func(ctx context.Context) (bool, error) {
		_, err := e.client.CoreV1().Pods(agentNamespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		// A namespace so new that it has no service account refuses for that reason.
		missing := apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount")
		return err != nil && !missing, nil
	})
	if err != nil {
		return err
	}
	return e.removeAgentNamespace(ctx)
}

func (e *env) removeAgentNamespace(ctx context.Context) error {
	err := e.client.CoreV1().Namespaces().Delete(ctx, agentNamespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace: %w", err)
	}
	return poll(ctx, time.Minute, "the agent's namespace to be gone", func(ctx context.Context) (bool, error) {
		_, err := e.client.CoreV1().Namespaces().Get(ctx, agentNamespace, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}
