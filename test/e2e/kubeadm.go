package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// kubeadmVersion reads which version kubeadm wrote down for the cluster.
func kubeadmVersion(ctx context.Context, c kubernetes.Interface) (string, error) {
	m, err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("get kubeadm-config: %w", err)
	}
	var config struct {
		KubernetesVersion string `json:"kubernetesVersion"`
	}
	if err := yaml.Unmarshal([]byte(m.Data["ClusterConfiguration"]), &config); err != nil {
		return "", fmt.Errorf("read kubeadm-config: %w", err)
	}
	return config.KubernetesVersion, nil
}
