package step

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
)

// TestRewriteConfig edits a ConfigMap of a real API server, sees that it is done, and leaves it alone then.
func TestRewriteConfig(t *testing.T) {
	client, err := kube.NewForConfig(apiserver.Start(t), "")
	if err != nil {
		t.Fatal(err)
	}
	maps := client.CoreV1().ConfigMaps("kube-system")
	before := "cgroupDriver: systemd # ours\nfeatureGates:\n  Gone: true\n  Stays: true\n"
	if _, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kubelet-config"}, Data: map[string]string{"kubelet": before, "other": "x"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	a := rewriteConfig{base{Deps{Client: client}, plan.Step{}}, plan.RewriteParams{ConfigMap: "kubelet-config", Key: "kubelet", Strip: manifest.Strip{Gates: map[string][]string{"": {"Gone"}}}}}
	if done, err := a.Done(t.Context()); done || err != nil {
		t.Fatalf("done %t before it was, %v", done, err)
	}
	var said []string
	if err := a.Do(t.Context(), Reporter{Log: func(line string) { said = append(said, line) }}); err != nil {
		t.Fatal(err)
	}
	if done, err := a.Done(t.Context()); !done || err != nil {
		t.Fatalf("done %t after it was, %v", done, err)
	}
	cm, err := maps.Get(t.Context(), "kubelet-config", metav1.GetOptions{})
	if err != nil || cm.Data["kubelet"] != strings.Replace(before, "  Gone: true\n", "", 1) || cm.Data["other"] != "x" {
		t.Errorf("the ConfigMap is %+v, %v", cm.Data, err)
	}
	if !strings.Contains(strings.Join(said, ""), "-  Gone: true") {
		t.Errorf("the log says %q", said)
	}
}
