package record

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

// claim is that of an operator on a machine of his own.
func claim(t *testing.T, purpose string) Claim {
	t.Helper()
	return Claim{ClusterUID: rand.Text(), Purpose: purpose}
}

func acquire(t *testing.T, c kubernetes.Interface) *Lock {
	t.Helper()
	l, from, err := Acquire(t.Context(), c, claim(t, "upgrade to v1.34.4"))
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
		_, _, err := Acquire(t.Context(), c, claim(t, "plan"))
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
		heir, from, err := Acquire(t.Context(), c, claim(t, "upgrade to v1.34.4"))
		if err != nil || from == "" {
			t.Fatalf("take over: from %q, %v", from, err)
		}
		if err := dead.renew(t.Context()); !errors.Is(err, ErrLost) {
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
			if l, _, err := Acquire(context.Background(), c, claim(t, "plan")); err == nil {
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

// TestMain keeps the witnesses of all tests in a place of their own. Every claim has a cluster UID of its own, as another machine would have another file.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_STATE_HOME", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// TestDeadOnTheSameMachine: a process that was killed has let go of its file, and nobody waits for its heartbeat to grow old.
func TestDeadOnTheSameMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		here := claim(t, "upgrade to v1.34.4")
		killed, _, err := Acquire(t.Context(), c, here)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Acquire(t.Context(), c, here); err == nil {
			t.Error("a second run on the machine got the lock of one that is alive")
		}
		killed.stop()
		killed.beat.Wait()
		if err := killed.witness.lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		heir, from, err := Acquire(t.Context(), c, here)
		if err != nil || from == "" || time.Since(began) > time.Second {
			t.Fatalf("take over after %s: from %q, %v", time.Since(began), from, err)
		}
		if err := heir.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestClocksThatDisagree: a holder whose clock is behind looks dead by its stamp, but is seen to renew.
func TestClocksThatDisagree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		l := acquire(t, c)
		maps := c.CoreV1().ConfigMaps(metav1.NamespaceSystem)
		beat := time.NewTicker(renewEvery)
		defer beat.Stop()
		l.stop()
		l.beat.Wait()
		done := make(chan struct{})
		go func() {
			for n := 0; ; n++ {
				have, err := maps.Get(t.Context(), lockName, metav1.GetOptions{})
				if err != nil {
					return
				}
				have.Data["renewed"] = time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
				if _, err := maps.Update(t.Context(), have, metav1.UpdateOptions{}); err != nil {
					return
				}
				select {
				case <-done:
					return
				case <-beat.C:
				}
			}
		}()
		synctest.Wait()
		_, _, err := Acquire(t.Context(), c, claim(t, "plan"))
		close(done)
		if _, ok := errors.AsType[*HeldError](err); !ok {
			t.Errorf("acquire got %v; want a HeldError", err)
		}
	})
}

// TestCheckAsksAfterASilence: who could not renew for a while touches nothing before the lock was looked at.
func TestCheckAsksAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		l := acquire(t, c)
		l.stop()
		l.beat.Wait()
		asked := func() int { return len(c.Actions()) }
		before := asked()
		if err := l.Check(t.Context()); err != nil || asked() != before {
			t.Errorf("a lock that was just taken is asked for, %v", err)
		}
		time.Sleep(trust + time.Second)
		if err := l.Check(t.Context()); err != nil || asked() == before {
			t.Errorf("a lock that was not renewed is relied upon, %v", err)
		}
		before = asked()
		if err := l.Check(t.Context()); err != nil || asked() != before {
			t.Errorf("a lock that was just confirmed is asked for again, %v", err)
		}
		if err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Delete(t.Context(), lockName, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(trust + time.Second)
		for range 2 {
			if err := l.Check(t.Context()); !errors.Is(err, ErrLost) {
				t.Errorf("a lock that is gone: %v", err)
			}
		}
		<-l.Lost()
	})
}

// TestStampFromTheFuture: a dead holder whose clock ran ahead does not keep its lock until that time comes.
func TestStampFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientset()
		dead := acquire(t, c)
		dead.stop()
		dead.beat.Wait()
		maps := c.CoreV1().ConfigMaps(metav1.NamespaceSystem)
		have, err := maps.Get(t.Context(), lockName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		have.Data["renewed"] = time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
		if _, err := maps.Update(t.Context(), have, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		heir, from, err := Acquire(t.Context(), c, claim(t, "plan"))
		if err != nil || from == "" || time.Since(began) < watchFor*watchEvery {
			t.Fatalf("take over after %s: from %q, %v", time.Since(began), from, err)
		}
		if err := heir.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
