package node

import (
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

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

var daemonSets = schema.GroupResource{Group: "apps", Resource: "daemonsets"}

// ownedPod is one whose owner a drain asks for. Of the error it keeps the text only.
func ownedPod(kind string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "proxy-1"}, Spec: corev1.PodSpec{NodeName: "w-1"}}
	if kind != "" {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: "proxy", Controller: new(true)}}
	}
	return p
}

// drainWith drains w-1, with one pod on it; asked gives the answer to the n-th question for its DaemonSet, nil being that there is none.
func drainWith(t *testing.T, pod *corev1.Pod, asked func(n int) error) (took time.Duration, err error) {
	t.Helper()
	client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "w-1"}}, pod)
	client.Resources = []*metav1.APIResourceList{{GroupVersion: "v1"}} // a drain asks whether there are evictions
	n := 0
	client.PrependReactor("get", "daemonsets", func(clienttesting.Action) (bool, runtime.Object, error) {
		n++
		if err := asked(n); err != nil {
			return true, nil, err
		}
		return true, nil, apierrors.NewNotFound(daemonSets, "proxy")
	})
	began := time.Now()
	err = Drain(t.Context(), &kube.Client{Interface: client}, "w-1", DrainOptions{Force: pod.OwnerReferences != nil, Timeout: time.Hour, Waiting: func(string) {}})
	return time.Since(began), err
}

func TestDrainOutlastsAnAPIServerThatRestarts(t *testing.T) {
	for name, passing := range map[string]error{
		"503": apierrors.NewGenericServerResponse(503, "get", daemonSets, "proxy", "", 0, true),
		"504": apierrors.NewGenericServerResponse(504, "get", daemonSets, "proxy", "", 0, true),
		"500": apierrors.NewGenericServerResponse(500, "get", daemonSets, "proxy", "no etcd", 0, true),
		"401": apierrors.NewUnauthorized("Unauthorized"),
		"403": apierrors.NewForbidden(daemonSets, "proxy", errors.New("no roles yet")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if took, err := drainWith(t, ownedPod("DaemonSet"), func(n int) error {
					if n < 10 {
						return passing
					}
					return nil
				}); err != nil {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// TestDrainBelievesARefusalThatStays: an operator without the right does not wait for the whole time of a drain.
func TestDrainBelievesARefusalThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, err := drainWith(t, ownedPod("DaemonSet"), func(int) error { return apierrors.NewForbidden(daemonSets, "proxy", errors.New("no role")) })
		if err == nil || !strings.Contains(err.Error(), "no role") || took < doubt || took > doubt+time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestDrainGivesUpAtOnceWhereWaitingDoesNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, err := drainWith(t, ownedPod(""), func(int) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "declare no controller") || took > lookInterval {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// TestDrainWaitsForWhatIsOnItsWay: a pod that a run before has evicted is waited for, and not evicted again.
func TestDrainWaitsForWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		going := ownedPod("")
		going.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", Controller: new(true)}}
		going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/finalizer"}
		client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "w-1"}}, going)
		client.Resources = []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "pods/eviction", Kind: "Eviction", Group: "policy", Version: "v1"}}}}
		const gone = 30 * time.Second
		time.AfterFunc(gone, func() {
			if err := client.Tracker().Delete(schema.GroupVersionResource{Version: "v1", Resource: "pods"}, going.Namespace, going.Name); err != nil {
				t.Error(err)
			}
		})
		began := time.Now()
		err := Drain(t.Context(), &kube.Client{Interface: client}, "w-1", DrainOptions{Timeout: time.Hour, Waiting: func(string) {}})
		if took := time.Since(began); err != nil || took < gone || took > gone+2*lookInterval {
			t.Errorf("it took %s: %v", took, err)
		}
		for _, a := range client.Actions() {
			if a.GetVerb() == "create" || a.GetVerb() == "delete" {
				t.Errorf("it was asked to go again: %s %s/%s", a.GetVerb(), a.GetResource().Resource, a.GetSubresource())
			}
		}
	})
}
