package action

import (
	"slices"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestOldKubeadmIsToldTheRepositoryByAFile(t *testing.T) {
	for v, want := range map[string]string{
		"v1.12.0": "apiVersion: kubeadm.k8s.io/v1alpha3\nkind: ClusterConfiguration\nkubernetesVersion: v1.12.0\nimageRepository: \"k8s.gcr.io\"\n",
		"v1.14.0": "apiVersion: kubeadm.k8s.io/v1beta1\nkind: ClusterConfiguration\nkubernetesVersion: v1.14.0\nimageRepository: \"k8s.gcr.io\"\n",
		"v1.15.0": "",
	} {
		if got := imagesConfig(hostaction.PullImages{Version: version.MustParse(v), ImageRepository: "k8s.gcr.io"}); got != want {
			t.Errorf("%s: got %q, want %q", v, got, want)
		}
	}
	a := hostaction.PullImages{Version: version.MustParse("v1.14.0")}
	if got, want := imagesFlags(a), []string{"--kubernetes-version", "v1.14.0"}; imagesConfig(a) != "" || !slices.Equal(got, want) {
		t.Errorf("without a repository: %q and a configuration %q", got, imagesConfig(a))
	}
}
