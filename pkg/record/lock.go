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
	// watchFor looks, one every watchEvery, span three heartbeats.
	watchEvery = renewEvery / 3
	watchFor   = 9
)

// HeldError says who holds the lock.
type HeldError struct {
	Holder  string
	Purpose string
	// Acquired and Renewed are by the holder's clock.
	Acquired, Renewed time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another run holds the lock: %s, %q since %s, last heartbeat %s: wait for it, or if it is dead, run the command again %s after its last heartbeat",
		e.Holder, e.Purpose, e.Acquired.Local().Format(time.TimeOnly), e.Renewed.Local().Format(time.TimeOnly), expiry)
}

// Lock is a held lock. It is a ConfigMap, because a Lease is not known to servers before 1.14.
type Lock struct {
	client  kubernetes.Interface
	token   string
	witness *witness
	stop    context.CancelFunc
	beat    sync.WaitGroup
	lost    chan struct{}
}

// Claim says who wants the lock of a cluster.
type Claim struct {
	// ClusterUID tells the cluster on this machine; Purpose is for others to read, such as "upgrade to v1.34.2".
	ClusterUID, Purpose string
	// Waiting is told what is being waited for.
	Waiting func(string)
}

// Acquire takes the lock of a cluster. It fails with a HeldError while another holder is alive. The lock of a dead one is taken
// over, and tookOver tells from whom.
func Acquire(ctx context.Context, c kubernetes.Interface, claim Claim) (lock *Lock, tookOver string, err error) {
	l := &Lock{client: c, token: rand.Text(), lost: make(chan struct{})}
	if l.witness, err = newWitness(claim.ClusterUID); err != nil {
		return nil, "", fmt.Errorf("take lock: %w", err)
	}
	tookOver, err = l.take(ctx, claim)
	if err == nil && l.witness != nil {
		err = l.witness.keep(l.token)
	}
	if err != nil {
		if l.witness != nil {
			err = errors.Join(err, l.witness.lock.Unlock())
		}
		return nil, "", err
	}
	beatCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = cancel
	l.beat.Go(func() { l.heartbeat(beatCtx) })
	return l, tookOver, nil
}

func (l *Lock) take(ctx context.Context, claim Claim) (tookOver string, err error) {
	now := time.Now().UTC().Format(time.RFC3339)
	data := map[string]string{"token": l.token, "holder": holder(), "purpose": claim.Purpose, "acquired": now, "renewed": now}
	maps := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: lockName}, Data: data}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		have, getErr := maps.Get(ctx, lockName, metav1.GetOptions{})
		if getErr != nil {
			return "", fmt.Errorf("read lock: %w", getErr)
		}
		if have, err = l.ofTheDead(ctx, have, claim.Waiting); err != nil {
			return "", err
		}
		tookOver = have.Data["holder"]
		have.Data = data
		// The resource version makes two that take over at once a conflict for one of them.
		_, err = maps.Update(ctx, have, metav1.UpdateOptions{})
	}
	if err != nil {
		return "", fmt.Errorf("take lock %s/%s: %w", metav1.NamespaceSystem, lockName, err)
	}
	return tookOver, nil
}

// ofTheDead gives the lock as it is when its holder is dead for sure, and a HeldError otherwise. A process of this machine is
// known to be dead by the file that it no longer holds. Of another's, a heartbeat that looks old may be the doing of two clocks
// that disagree; so it is watched for longer than a living holder would ever keep still.
func (l *Lock) ofTheDead(ctx context.Context, have *corev1.ConfigMap, waiting func(string)) (*corev1.ConfigMap, error) {
	if l.witness != nil && l.witness.token != "" && l.witness.token == have.Data["token"] {
		return have, nil
	}
	renewed, _ := time.Parse(time.RFC3339, have.Data["renewed"])
	acquired, _ := time.Parse(time.RFC3339, have.Data["acquired"])
	held := &HeldError{Holder: have.Data["holder"], Purpose: have.Data["purpose"], Acquired: acquired, Renewed: renewed}
	if time.Since(renewed) < expiry {
		return nil, held
	}
	if waiting != nil {
		waiting(fmt.Sprintf("a sign of life of %s, who holds the lock", held.Holder))
		defer waiting("")
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for still := 0; still < watchFor; still++ {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("watch lock of %s: %w", held.Holder, context.Cause(ctx))
		case <-tick.C:
		}
		now, err := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, lockName, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("watch lock of %s: %w", held.Holder, err)
		}
		if now.ResourceVersion != have.ResourceVersion || now.Data["renewed"] != have.Data["renewed"] {
			return nil, held
		}
	}
	return have, nil
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
	if l.witness != nil {
		defer l.witness.lock.Unlock() //nolint:errcheck // the operating system does it in any case
	}
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
