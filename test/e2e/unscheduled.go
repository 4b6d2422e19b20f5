package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// agentNotScheduled puts a workload on a node that does not suffer the agent beside it. It is as important as the
// agent, so that the scheduler does not simply push it out.
func agentNotScheduled(ctx context.Context, e *env, _ *call) (undo, error) {
	const name = "jealous"
	deployments := e.client.AppsV1().Deployments("default")
	labels := map[string]string{"app": name}
	agent := &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "host-agent"}}
	now := int64(0)
	_, err := deployments.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					PriorityClassName:             "system-node-critical",
					NodeSelector:                  map[string]string{"kubernetes.io/hostname": "w-1"},
					TerminationGracePeriodSeconds: &now,
					Containers:                    []corev1.Container{{Name: name, Image: e.lab.info.Registry.Pull + "/demo-web:1"}},
					Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
						RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
							TopologyKey: "kubernetes.io/hostname", LabelSelector: agent, NamespaceSelector: &metav1.LabelSelector{},
						}},
					}},
				},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create deployment: %w", err)
	}
	back := func(ctx context.Context) error {
		foreground := metav1.DeletePropagationForeground
		if err := deployments.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
			return fmt.Errorf("delete deployment: %w", err)
		}
		return poll(ctx, time.Minute, "deployment "+name+" to be gone", func(ctx context.Context) (bool, error) {
			_, err := deployments.Get(ctx, name, metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		})
	}
	return back, poll(ctx, time.Minute, "deployment "+name+" to be available", func(ctx context.Context) (bool, error) {
		d, err := deployments.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return d.Status.AvailableReplicas == 1, nil
	})
}
