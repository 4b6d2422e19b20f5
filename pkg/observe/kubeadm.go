package observe

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// clusterConfiguration is the part of kubeadm's ClusterConfiguration that all its API versions share.
type clusterConfiguration struct {
	APIVersion           string `json:"apiVersion"`
	KubernetesVersion    string `json:"kubernetesVersion"`
	ImageRepository      string `json:"imageRepository"`
	ControlPlaneEndpoint string `json:"controlPlaneEndpoint"`
	Etcd                 struct {
		Local *struct {
			ImageRepository string `json:"imageRepository"`
			ImageTag        string `json:"imageTag"`
		} `json:"local"`
		External *struct {
			Endpoints []string `json:"endpoints"`
		} `json:"external"`
	} `json:"etcd"`
}

// Configs reads documents in ConfigMaps of namespace kube-system. One that is not there is left out.
func Configs(ctx context.Context, c *kube.Client, of []cluster.Config) ([]cluster.Config, error) {
	var out []cluster.Config
	for _, o := range of {
		cm, err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, o.ConfigMap, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("get ConfigMap kube-system/%s: %w", o.ConfigMap, err)
		}
		if o.Text = cm.Data[o.Key]; o.Text != "" {
			out = append(out, o)
		}
	}
	return out, nil
}

func kubeadmConfig(ctx context.Context, c *kube.Client) (cluster.KubeadmConfig, error) {
	cm, err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return cluster.KubeadmConfig{}, ErrNotKubeadm
	}
	if err != nil {
		return cluster.KubeadmConfig{}, fmt.Errorf("get ConfigMap kube-system/kubeadm-config: %w", err)
	}
	var in clusterConfiguration
	if err := yaml.Unmarshal([]byte(cm.Data["ClusterConfiguration"]), &in); err != nil {
		return cluster.KubeadmConfig{}, fmt.Errorf("read ConfigMap kube-system/kubeadm-config: %w", err)
	}
	v, err := version.Parse(in.KubernetesVersion)
	if err != nil {
		return cluster.KubeadmConfig{}, fmt.Errorf("read kubernetesVersion in ConfigMap kube-system/kubeadm-config: %w", err)
	}
	out := cluster.KubeadmConfig{
		APIVersion: in.APIVersion, KubernetesVersion: v, ImageRepository: in.ImageRepository,
		ControlPlaneEndpoint: in.ControlPlaneEndpoint, ExternalEtcd: in.Etcd.External != nil,
	}
	if local := in.Etcd.Local; local != nil {
		out.EtcdImageRepository, out.EtcdImageTag = local.ImageRepository, local.ImageTag
	}
	return out, nil
}
