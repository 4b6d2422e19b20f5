package record

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestRetiredLock lives through the loss of all that was written, and is known by it.
func TestRetiredLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		l := acquire(t, c)
		l.Retire()
		if gone, err := l.Forgotten(t.Context()); err != nil || gone {
			t.Fatalf("it is there, and forgotten %t, %v", gone, err)
		}
		if err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Delete(t.Context(), lockName, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if gone, err := l.Forgotten(t.Context()); err != nil || !gone {
			t.Errorf("it is gone, and forgotten %t, %v", gone, err)
		}
		time.Sleep(2 * expiry)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("its loss is told: %v", err)
		}
		if err := l.Abandon(); err != nil {
			t.Fatal(err)
		}
		next := acquire(t, c)
		if gone, err := l.Forgotten(t.Context()); err != nil || !gone {
			t.Errorf("it is somebody else's, and forgotten %t, %v", gone, err)
		}
		if err := next.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
