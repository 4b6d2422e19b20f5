package step

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// imageRepository edits kubeadm's own record of the cluster, which every later "kubeadm upgrade" reads, as its documentation has it done
// by hand: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/
type imageRepository struct {
	base
	params plan.ImageRepositoryParams
}

func (a imageRepository) Done(ctx context.Context) (bool, error) {
	cm, err := a.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("get ConfigMap kube-system/kubeadm-config: %w", err)
	}
	have, err := repositoryIn(cm.Data[clusterConfiguration])
	return have == a.params.Repository, err
}

func (a imageRepository) Do(ctx context.Context, r Reporter) error {
	maps := a.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	// Where somebody else has written it meanwhile, it is edited again.
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		cm, err := maps.Get(ctx, "kubeadm-config", metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("get ConfigMap kube-system/kubeadm-config: %w", err)
		}
		before, err := repositoryIn(cm.Data[clusterConfiguration])
		if err != nil {
			return err
		}
		text := withRepository(cm.Data[clusterConfiguration], a.params.Repository)
		if now, err := repositoryIn(text); err != nil || now != a.params.Repository {
			return fmt.Errorf("set imageRepository in ConfigMap kube-system/kubeadm-config: its %s has another form than kubeadm writes: set it there by hand", clusterConfiguration)
		}
		cm.Data[clusterConfiguration] = text
		if _, err := maps.Update(ctx, cm, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("update ConfigMap kube-system/kubeadm-config: %w", err)
		}
		r.Log(fmt.Sprintf("imageRepository: %q -> %q", before, a.params.Repository))
		return nil
	})
}

func repositoryIn(text string) (string, error) {
	c := struct {
		ImageRepository string `json:"imageRepository"`
	}{}
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return "", fmt.Errorf("read ConfigMap kube-system/kubeadm-config: %w", err)
	}
	return c.ImageRepository, nil
}

var repositoryLine = regexp.MustCompile(`(?m)^imageRepository:.*$`)

// withRepository changes one line and leaves every other as it is.
func withRepository(text, repository string) string {
	line := "imageRepository: " + repository
	if repositoryLine.MatchString(text) {
		return repositoryLine.ReplaceAllLiteralString(text, line)
	}
	return strings.TrimSuffix(text, "\n") + "\n" + line + "\n"
}
