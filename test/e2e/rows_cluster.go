package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// clusterRows are clusters that the API server alone tells are not to be upgraded.
func clusterRows() []row {
	return []row{
		{name: "not a kubeadm cluster", code: 2, words: []string{"not a kubeadm cluster", "kubeadm-config"}, hazard: notKubeadm},
		{name: "node not Ready", code: 2, words: []string{`node "w-2"`, "not Ready"}, hazard: nodeNotReady, ignore: []string{"w-2 kubelet run"}},
	}
}

func notKubeadm(ctx context.Context, e *env, _ *call) (undo, error) {
	maps := e.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	was, err := maps.Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get kubeadm-config: %w", err)
	}
	was.ResourceVersion, was.UID = "", ""
	back := func(ctx context.Context) error {
		_, err := maps.Create(ctx, was, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}
	return back, maps.Delete(ctx, was.Name, metav1.DeleteOptions{})
}

// nodeNotReady stops a kubelet and waits until the control plane has noticed in full: condition and both taints.
func nodeNotReady(ctx context.Context, e *env, _ *call) (undo, error) {
	const node = "w-2"
	back := func(ctx context.Context) error {
		_, err := e.lab.exec(ctx, node, "systemctl", "start", "kubelet")
		return err
	}
	if _, err := e.lab.exec(ctx, node, "systemctl", "stop", "kubelet"); err != nil {
		return back, err
	}
	return back, poll(ctx, 3*time.Minute, "node "+node+" to be NotReady", func(ctx context.Context) (bool, error) {
		n, err := e.client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return !nodeReady(n) && len(n.Spec.Taints) == 2, nil
	})
}
