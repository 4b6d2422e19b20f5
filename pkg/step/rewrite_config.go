package step

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// rewriteConfig edits a configuration that kubeadm keeps, where a release does not know what is in it.
type rewriteConfig struct {
	base
	params plan.RewriteParams
}

func (a rewriteConfig) Done(ctx context.Context) (bool, error) {
	cm, err := a.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, a.params.ConfigMap, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get ConfigMap kube-system/%s: %w", a.params.ConfigMap, err)
	}
	now, err := a.stripped(cm.Data[a.params.Key])
	return err == nil && now == cm.Data[a.params.Key], err
}

func (a rewriteConfig) Do(ctx context.Context, r Reporter) error {
	maps := a.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	cm, err := maps.Get(ctx, a.params.ConfigMap, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get ConfigMap kube-system/%s: %w", a.params.ConfigMap, err)
	}
	before := cm.Data[a.params.Key]
	now, err := a.stripped(before)
	if err != nil {
		return err
	}
	cm.Data[a.params.Key] = now
	if _, err := maps.Update(ctx, cm, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update ConfigMap kube-system/%s: %w", a.params.ConfigMap, err)
	}
	r.Log(manifest.Diff("ConfigMap kube-system/"+a.params.ConfigMap, []byte(before), []byte(now)))
	return nil
}

func (a rewriteConfig) stripped(text string) (string, error) {
	now, err := manifest.StripConfiguration([]byte(text), a.params.Strip)
	if err != nil {
		return "", fmt.Errorf("edit %s of ConfigMap kube-system/%s: %w", a.params.Key, a.params.ConfigMap, err)
	}
	return string(now), nil
}
