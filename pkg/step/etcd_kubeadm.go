package step

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// kubeadmEtcd writes the image of etcd into kubeadm's configuration.
type kubeadmEtcd struct {
	base
	params plan.KubeadmEtcdParams
}

const clusterConfiguration = "ClusterConfiguration"

func (a kubeadmEtcd) Done(ctx context.Context) (bool, error) {
	cm, err := a.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get ConfigMap kube-system/kubeadm-config: %w", err)
	}
	text, err := manifest.SetKubeadmEtcd(cm.Data[clusterConfiguration], a.params.ImageRepository, a.params.ImageTag)
	return err == nil && text == cm.Data[clusterConfiguration], err
}

// Do replaces nothing but the text, and that only as long as nobody else has written it meanwhile.
func (a kubeadmEtcd) Do(ctx context.Context, _ Reporter) error {
	maps := a.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		cm, err := maps.Get(ctx, "kubeadm-config", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if cm.Data[clusterConfiguration], err = manifest.SetKubeadmEtcd(cm.Data[clusterConfiguration], a.params.ImageRepository, a.params.ImageTag); err != nil {
			return err
		}
		_, err = maps.Update(ctx, cm, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("write etcd's image into ConfigMap kube-system/kubeadm-config: %w", err)
	}
	return nil
}
