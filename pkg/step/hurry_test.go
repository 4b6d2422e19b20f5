package step

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// TestHurryWakesTheKubelet gives it what a host action writes, a second apart, and looks which mirrors are changed in between.
func TestHurryWakesTheKubelet(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		woken [][]string
	}{
		"kubeadm 1.34": {[]string{
			`[upgrade/staticpods] Preparing for "kube-apiserver" upgrade`,
			`[upgrade/staticpods] Moving new manifest to "/etc/kubernetes/manifests/kube-apiserver.yaml" and backing up old manifest to "/etc/kubernetes/tmp/kubeadm-backup-manifests-2026/kube-apiserver.yaml"`,
			`[upgrade/staticpods] Component "kube-apiserver" upgraded successfully!`,
			`[upgrade/staticpods] Moving new manifest to "/etc/kubernetes/manifests/kube-scheduler.yaml" and backing up old manifest to "/etc/kubernetes/tmp/kubeadm-backup-manifests-2026/kube-scheduler.yaml"`,
		}, [][]string{nil, {"kube-apiserver-cp-1"}, nil, {"kube-scheduler-cp-1"}}},
		"kubeadm 1.12": {[]string{
			`[upgrade/staticpods] Moved new manifest to "/etc/kubernetes/manifests/kube-scheduler.yaml" and backed up old manifest to "/etc/kubernetes/tmp/kubeadm-backup-manifests123/kube-scheduler.yaml"`,
			`[upgrade/staticpods] Component "kube-scheduler" upgraded successfully!`,
		}, [][]string{{"kube-scheduler-cp-1"}, nil}},
		"the agent": {[]string{
			`asked to end before`,
			`wrote /etc/kubernetes/manifests/etcd.yaml; the kubelet starts etcd by it`,
		}, [][]string{nil, {"etcd-cp-1"}}},
		"a diff of manifests": {[]string{`--- /etc/kubernetes/manifests/kube-apiserver.yaml`}, [][]string{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				patched := map[string]bool{}
				client := fake.NewClientset()
				client.PrependReactor("patch", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
					p := a.(clienttesting.PatchAction)
					mu.Lock()
					defer mu.Unlock()
					if !strings.Contains(string(p.GetPatch()), "null") {
						patched[p.GetName()] = true
					}
					return true, &corev1.Pod{}, nil
				})
				b := base{Deps{Client: &kube.Client{Interface: client}}, plan.Step{Node: "cp-1"}}
				var said []string
				err := b.hurry(t.Context(), Reporter{Log: func(l string) { said = append(said, l) }}, func(r Reporter) error {
					for i, l := range c.lines {
						r.Log(l)
						synctest.Wait() // what was ended by the line has ended
						mu.Lock()
						patched = map[string]bool{}
						mu.Unlock()
						time.Sleep(time.Second)
						synctest.Wait()
						mu.Lock()
						for name := range patched {
							if !slices.Contains(c.woken[i], name) {
								t.Errorf("after %q %s is changed", l, name)
							}
						}
						if len(patched) != len(c.woken[i]) {
							t.Errorf("after %q %d mirrors are changed, want %q", l, len(patched), c.woken[i])
						}
						mu.Unlock()
					}
					return nil
				})
				if err != nil || !slices.Equal(said, c.lines) {
					t.Errorf("%v; it passed on %q", err, said)
				}
			})
		})
	}
}
