package record

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

func acquire(t *testing.T, c kubernetes.Interface) *Lock {
	t.Helper()
	l, from, err := Acquire(t.Context(), c, "upgrade to v1.34.4")
	if err != nil || from != "" {
		t.Fatalf("acquire a free lock: took over from %q, %v", from, err)
	}
	return l
}

func TestLockExcludes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		l := acquire(t, c)
		// The holder goes on renewing for longer than a lock lives without it.
		time.Sleep(2 * expiry)
		_, _, err := Acquire(t.Context(), c, "plan")
		held, ok := errors.AsType[*HeldError](err)
		if !ok || held.Purpose != "upgrade to v1.34.4" || held.Holder == "" {
			t.Fatalf("second run got %v; want a HeldError that names the first", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := acquire(t, c).Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLockOfTheDead: a holder that renews no more is taken over, and notices if it lives after all.
func TestLockOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		dead := acquire(t, c)
		dead.stop()
		dead.beat.Wait()
		time.Sleep(expiry + time.Second)
		heir, from, err := Acquire(t.Context(), c, "upgrade to v1.34.4")
		if err != nil || from == "" {
			t.Fatalf("take over: from %q, %v", from, err)
		}
		if err := dead.renew(t.Context()); !errors.Is(err, errLost) {
			t.Errorf("the old holder renews with %v; want to know that the lock is lost", err)
		}
		if err := dead.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(t.Context(), lockName, metav1.GetOptions{}); err != nil {
			t.Errorf("the old holder released the lock of the new one: %v", err)
		}
		if err := heir.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestLostLockIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		l := acquire(t, c)
		if err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Delete(t.Context(), lockName, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		<-l.Lost()
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestOnlyOneOfManyGetsTheLock(t *testing.T) {
	c := fake.NewClientset()
	var mu sync.Mutex
	var got []*Lock
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if l, _, err := Acquire(context.Background(), c, "plan"); err == nil {
				mu.Lock()
				got = append(got, l)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(got) != 1 {
		t.Fatalf("%d holders, want 1", len(got))
	}
	if err := got[0].Release(t.Context()); err != nil {
		t.Error(err)
	}
}
