// Package record keeps what outlives a run: the lock against a second run, and the logs of host actions on the operator's machine.
package record

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	lockName = "kubectl-upgrade-lock"
	// renewEvery and expiry give a holder several tries while its API server restarts, which takes up to two minutes on slow machines (kubeadm#644).
	renewEvery = 15 * time.Second
	expiry     = 3 * time.Minute
)

// HeldError says who holds the lock.
type HeldError struct {
	Holder  string
	Purpose string
	// Renewed is the holder's clock at its last heartbeat; Seen is how long it was not seen to change by this process.
	Acquired, Renewed time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another run holds the lock: %s, %q since %s, last heartbeat %s: wait for it, or if it is dead, run the command again %s after its last heartbeat",
		e.Holder, e.Purpose, e.Acquired.Local().Format(time.TimeOnly), e.Renewed.Local().Format(time.TimeOnly), expiry)
}

// Lock is a held lock. It is a ConfigMap, because a Lease is not known to servers before 1.14.
type Lock struct {
	client kubernetes.Interface
	token  string
	stop   context.CancelFunc
	beat   sync.WaitGroup
	lost   chan struct{}
}

// Acquire takes the lock of the cluster for a purpose, such as "upgrade to v1.34.2". It fails with a HeldError while another
// holder is alive. A lock without a heartbeat for three minutes is taken over, and tookOver tells from whom.
func Acquire(ctx context.Context, c kubernetes.Interface, purpose string) (lock *Lock, tookOver string, err error) {
	l := &Lock{client: c, token: rand.Text(), lost: make(chan struct{})}
	now := time.Now().UTC().Format(time.RFC3339)
	data := map[string]string{"token": l.token, "holder": holder(), "purpose": purpose, "acquired": now, "renewed": now}
	maps := c.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: lockName}, Data: data}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		have, getErr := maps.Get(ctx, lockName, metav1.GetOptions{})
		if getErr != nil {
			return nil, "", fmt.Errorf("read lock: %w", getErr)
		}
		renewed, _ := time.Parse(time.RFC3339, have.Data["renewed"])
		acquired, _ := time.Parse(time.RFC3339, have.Data["acquired"])
		if time.Since(renewed) < expiry {
			return nil, "", &HeldError{Holder: have.Data["holder"], Purpose: have.Data["purpose"], Acquired: acquired, Renewed: renewed}
		}
		tookOver = have.Data["holder"]
		have.Data = data
		// The resource version makes two that take over at once a conflict for one of them.
		_, err = maps.Update(ctx, have, metav1.UpdateOptions{})
	}
	if err != nil {
		return nil, "", fmt.Errorf("take lock %s/%s: %w", metav1.NamespaceSystem, lockName, err)
	}
	beatCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = cancel
	l.beat.Go(func() { l.heartbeat(beatCtx) })
	return l, tookOver, nil
}

// Lost is closed when somebody else took the lock.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// heartbeat renews the lock. An API server that is away is no reason to stop: nobody else can take the lock then either.
func (l *Lock) heartbeat(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if errors.Is(l.renew(ctx), errLost) {
			close(l.lost)
			return
		}
	}
}

var errLost = errors.New("lock lost")

func (l *Lock) renew(ctx context.Context) error {
	maps := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	have, err := maps.Get(ctx, lockName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return errLost
	case err != nil:
		return err
	case have.Data["token"] != l.token:
		return errLost
	}
	have.Data["renewed"] = time.Now().UTC().Format(time.RFC3339)
	_, err = maps.Update(ctx, have, metav1.UpdateOptions{})
	return err
}

// Release gives the lock back. A lock that somebody else took is left alone.
func (l *Lock) Release(ctx context.Context) error {
	l.stop()
	l.beat.Wait()
	maps := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	have, err := maps.Get(ctx, lockName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && have.Data["token"] != l.token {
		return nil
	}
	if err == nil {
		err = maps.Delete(ctx, lockName, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &have.UID, ResourceVersion: &have.ResourceVersion}})
	}
	if err != nil {
		return fmt.Errorf("release lock %s/%s: %w", metav1.NamespaceSystem, lockName, err)
	}
	return nil
}

func holder() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s@%s (pid %d)", name, host, os.Getpid())
}
