package step

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// rewriteConfig edits a configuration that kubeadm keeps, where a release does not know what is in it.
type rewriteConfig struct {
	base
	params plan.RewriteParams
}

func (a rewriteConfig) Done(ctx context.Context) (bool, error) {
	return a.edited(ctx, a.params.ConfigMap, a.params.Key, a.stripped)
}

func (a rewriteConfig) Do(ctx context.Context, r Reporter) error {
	return a.edit(ctx, r, a.params.ConfigMap, a.params.Key, a.stripped)
}

func (a rewriteConfig) stripped(text []byte) ([]byte, error) {
	return manifest.StripConfiguration(text, a.params.Strip)
}

// edit makes an edit of a document in a ConfigMap of namespace kube-system. kubeadm and others write these as well: where somebody was faster, the
// edit is made again on what he has written.
func (b base) edit(ctx context.Context, r Reporter, configMap, key string, edit func([]byte) ([]byte, error)) error {
	maps := b.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		cm, err := maps.Get(ctx, configMap, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("get ConfigMap kube-system/%s: %w", configMap, err)
		}
		before := []byte(cm.Data[key])
		now, err := edit(before)
		if err != nil {
			return fmt.Errorf("edit %s of ConfigMap kube-system/%s: %w", key, configMap, err)
		}
		cm.Data[key] = string(now)
		if _, err := maps.Update(ctx, cm, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("update ConfigMap kube-system/%s: %w", configMap, err)
		}
		r.Log(manifest.Diff("ConfigMap kube-system/"+configMap, before, now))
		return nil
	})
}

// edited tells whether an edit would change nothing.
func (b base) edited(ctx context.Context, configMap, key string, edit func([]byte) ([]byte, error)) (bool, error) {
	cm, err := b.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, configMap, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get ConfigMap kube-system/%s: %w", configMap, err)
	}
	now, err := edit([]byte(cm.Data[key]))
	if err != nil {
		return false, fmt.Errorf("edit %s of ConfigMap kube-system/%s: %w", key, configMap, err)
	}
	return string(now) == cm.Data[key], nil
}
