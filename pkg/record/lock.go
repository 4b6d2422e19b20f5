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
	// trust is how long a confirmation of the lock is relied upon. Nobody takes a lock over that was renewed within the time of a
	// watch, so that it has to be well below that.
	trust = 2 * renewEvery
)

// ErrLost says that the lock is somebody else's now.
var ErrLost = errors.New("the lock is lost: another run has taken it over, or somebody has deleted it")

// HeldError says who holds the lock.
type HeldError struct {
	Holder  string
	Purpose string
	// Acquired and Renewed are by the holder's clock.
	Acquired, Renewed time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another run holds the lock, and nothing was changed: %s, %q since %s, last heartbeat %s: see kubectl upgrade status; wait for it, or, if it is dead, run the command again %s after that heartbeat",
		e.Holder, e.Purpose, e.Acquired.Local().Format(time.DateTime), e.Renewed.Local().Format(time.DateTime), expiry)
}

// Lock is a held lock. It is a ConfigMap, because a Lease is not known to servers before 1.14.
type Lock struct {
	client  kubernetes.Interface
	token   string
	witness *witness
	stop    context.CancelFunc
	beat    sync.WaitGroup
	lost    chan struct{}

	mu sync.Mutex
	// confirmed is when the lock was last known to be this run's.
	confirmed time.Time
	// retired is set once it is neither renewed nor checked any more.
	retired bool
}

// Claim says who wants the lock of a cluster.
type Claim struct {
	// ClusterUID tells the cluster on this machine; Purpose is for others to read, such as "upgrade to v1.34.2".
	ClusterUID, Purpose string
	// Waiting is told what is being waited for.
	Waiting func(string)
	// Clock is the API server's, if it can be had.
	Clock Clock
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
	l.confirmed = time.Now()
	now := l.confirmed.UTC().Format(time.RFC3339)
	data := map[string]string{"token": l.token, "holder": Me(), "purpose": claim.Purpose, "acquired": now, "renewed": now}
	maps := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: lockName}, Data: data}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		have, getErr := maps.Get(ctx, lockName, metav1.GetOptions{})
		if getErr != nil {
			return "", fmt.Errorf("read lock: %w", getErr)
		}
		if have, err = l.ofTheDead(ctx, have, claim); err != nil {
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
// known to be dead by the file that it no longer holds. That of another has a heartbeat, whose age is told by clocks that may
// disagree; so when it looks old it is watched for longer than a living holder would ever keep still, unless the API server's own
// clocks say that it is older than they can differ.
func (l *Lock) ofTheDead(ctx context.Context, have *corev1.ConfigMap, claim Claim) (*corev1.ConfigMap, error) {
	if l.witness != nil && l.witness.token != "" && l.witness.token == have.Data["token"] {
		return have, nil
	}
	held := &HeldError{Holder: have.Data["holder"], Purpose: have.Data["purpose"], Acquired: stamp(have, "acquired"), Renewed: stamp(have, "renewed")}
	age, sure := heartbeatAge(ctx, have, claim.Clock)
	switch {
	// A stamp from the future is no sign of life either.
	case age.Abs() < expiry:
		return nil, held
	case sure && age > clearlyDead:
		return have, nil
	}
	if claim.Waiting != nil {
		claim.Waiting(fmt.Sprintf("a sign of life of %s, who holds the lock", held.Holder))
		defer claim.Waiting("")
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for range watchFor {
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
		case <-l.lost:
			return
		case <-tick.C:
		}
		l.mu.Lock()
		_ = l.renew(ctx) // it comes again; a loss is told by the channel
		l.mu.Unlock()
	}
}

// Check tells whether the lock is still this run's. Who has heard nothing from the API server for a while, because the machine
// slept or the network was away, may have been taken for dead meanwhile, and has to ask before anything is touched.
func (l *Lock) Check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.lost:
		return ErrLost
	default:
	}
	if l.retired {
		return nil
	}
	if now := time.Now(); now.Sub(l.confirmed) < trust && asleep(l.confirmed, now) < trust {
		return nil
	}
	return l.renew(ctx)
}

// asleep is the time between two moments by the wall clock, which goes on while the machine sleeps; the other one does not.
func asleep(from, to time.Time) time.Duration { return to.Round(0).Sub(from.Round(0)).Abs() }

// renew writes a heartbeat, or finds out that the lock is lost. The caller has l.mu.
func (l *Lock) renew(ctx context.Context) error {
	began := time.Now()
	have, err := l.get(ctx)
	if err != nil {
		return err
	}
	maps := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	have.Data["renewed"] = began.UTC().Format(time.RFC3339)
	if _, err = maps.Update(ctx, have, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("renew lock: %w", err)
	}
	l.confirmed = began
	return nil
}

// look asks the API server, now, whether the lock is still this run's.
func (l *Lock) look(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.get(ctx)
	return err
}

// get reads the lock, or finds out that it is lost. The caller has l.mu.
func (l *Lock) get(ctx context.Context) (*corev1.ConfigMap, error) {
	have, err := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, lockName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && have.Data["token"] != l.token:
		l.lose()
		return nil, ErrLost
	case err != nil:
		return nil, fmt.Errorf("read lock: %w", err)
	}
	return have, nil
}

// lose tells, once, that the lock is lost. The caller has l.mu.
func (l *Lock) lose() {
	select {
	case <-l.lost:
	default:
		close(l.lost)
	}
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

// Me names this process to other operators.
func Me() string {
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
