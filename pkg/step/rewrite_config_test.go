package step

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

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
	// And back, as an abort does.
	b := putBackConfig{base{Deps{Client: client}, plan.Step{}}, plan.PutBackParams{ConfigMap: "kubelet-config", Key: "kubelet", Settings: []manifest.Setting{{Name: "Gone", Value: "true", Gate: true}}}}
	if done, err := b.Done(t.Context()); done || err != nil {
		t.Fatalf("put back %t before it was, %v", done, err)
	}
	if err := b.Do(t.Context(), Reporter{Log: func(string) {}}); err != nil {
		t.Fatal(err)
	}
	cm, err = maps.Get(t.Context(), "kubelet-config", metav1.GetOptions{})
	if done, doneErr := b.Done(t.Context()); err != nil || !done || doneErr != nil || !strings.Contains(cm.Data["kubelet"], "  Stays: true\n  Gone: true\n") {
		t.Errorf("put back %t, %v: the ConfigMap is %+v, %v", done, doneErr, cm.Data, err)
	}
}

// TestRewriteConfigBesideOthers has somebody else write the ConfigMap of a real API server between the look at it and the update: both edits are kept.
func TestRewriteConfigBesideOthers(t *testing.T) {
	config := apiserver.Start(t)
	other, err := kube.NewForConfig(config, "")
	if err != nil {
		t.Fatal(err)
	}
	maps := other.CoreV1().ConfigMaps("kube-system")
	for _, name := range []string{"kubelet-config", "kubeadm-config"} {
		key := map[string]string{"kubelet-config": "kubelet", "kubeadm-config": clusterConfiguration}[name]
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{key: "imageRepository: old.example\nfeatureGates:\n  Gone: true\n  Stays: true\n"}}
		if _, err := maps.Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		racing := rest.CopyConfig(config)
		var once sync.Once
		racing.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPut {
					once.Do(func() {
						now, err := maps.Get(t.Context(), name, metav1.GetOptions{})
						if err == nil {
							now.Data["theirs"] = "written meanwhile"
							_, err = maps.Update(t.Context(), now, metav1.UpdateOptions{})
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				return next.RoundTrip(r)
			})
		})
		client, err := kube.NewForConfig(racing, "")
		if err != nil {
			t.Fatal(err)
		}
		b := base{Deps{Client: client}, plan.Step{}}
		var a Action = rewriteConfig{b, plan.RewriteParams{ConfigMap: name, Key: key, Strip: manifest.Strip{Gates: map[string][]string{"": {"Gone"}}}}}
		want := "imageRepository: old.example\nfeatureGates:\n  Stays: true\n"
		if name == "kubeadm-config" {
			a, want = imageRepository{b, plan.ImageRepositoryParams{Repository: "new.example"}}, "imageRepository: new.example\nfeatureGates:\n  Gone: true\n  Stays: true\n"
		}
		if err := a.Do(t.Context(), Reporter{Log: func(string) {}}); err != nil {
			t.Fatal(err)
		}
		now, err := maps.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || now.Data[key] != want || now.Data["theirs"] == "" {
			t.Errorf("%s is %+v, %v", name, now.Data, err)
		}
	}
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
