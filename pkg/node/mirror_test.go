package node

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// awaken wakes a kubelet for a minute at most; answer is what the API server makes of the n-th patch.
func awaken(t *testing.T, answer func(n int) (hash string, err error)) (patches []string, took time.Duration, err error) {
	t.Helper()
	client := fake.NewClientset()
	client.PrependReactor("patch", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		p := a.(clienttesting.PatchAction)
		if p.GetNamespace() != "kube-system" || p.GetName() != "kube-scheduler-cp-1" {
			t.Errorf("pod %s/%s is patched", p.GetNamespace(), p.GetName())
		}
		patches = append(patches, string(p.GetPatch()))
		hash, err := answer(len(patches))
		return true, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{configHash: hash}}}, err
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	err = Awaken(ctx, client, "cp-1", "kube-scheduler")
	return patches, time.Since(began), err
}

func TestAwaken(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, c := range map[string]struct {
		answer  func(n int) (string, error)
		took    time.Duration
		refused bool
	}{
		"until there is another mirror": {func(n int) (string, error) { return map[bool]string{true: "old", false: "new"}[n < 4], nil }, 3 * wakeEvery, false},
		"as long as the mirror stays":   {func(int) (string, error) { return "old", nil }, time.Minute, false},
		"over a time without an API server, and without a mirror": {func(n int) (string, error) {
			switch n {
			case 1, 3:
				return "", errors.New("connection refused")
			case 4:
				return "", apierrors.NewNotFound(pods, "kube-scheduler-cp-1")
			case 2:
				return "old", nil
			}
			return "new", nil
		}, 4 * wakeEvery, false},
		"not where it is refused": {func(int) (string, error) {
			return "", apierrors.NewForbidden(pods, "kube-scheduler-cp-1", errors.New("no role"))
		}, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				patches, took, err := awaken(t, c.answer)
				if took != c.took || (err != nil) != c.refused {
					t.Errorf("it took %s and said %v, want %s", took, err, c.took)
				}
				if last := patches[len(patches)-1]; last != `{"metadata":{"annotations":{"kubectl-upgrade.io/awaited":null}}}` {
					t.Errorf("the last patch is %s: it leaves something behind", last)
				}
				if strings.Contains(patches[0], "null") {
					t.Errorf("the first patch is %s: it changes nothing", patches[0])
				}
			})
		})
	}
}
