package record

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Read reads the record of the run that a cluster knows of; nil when there is none.
func Read(ctx context.Context, client kubernetes.Interface) (*Run, error) {
	cm, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, runName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get record %s/%s: %w", metav1.NamespaceSystem, runName, err)
	}
	return readConfigMap(cm)
}

// Remove takes the record away, whichever run it is of. The lock has to be held.
func (l *Lock) Remove(ctx context.Context) error { return remove(ctx, l.client, l) }

func remove(ctx context.Context, client kubernetes.Interface, lock *Lock) error {
	maps := client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	have, err := maps.Get(ctx, runName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = lock.look(ctx)
	}
	if err == nil {
		err = maps.Delete(ctx, runName, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &have.UID, ResourceVersion: &have.ResourceVersion}})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove record %s/%s: %w", metav1.NamespaceSystem, runName, err)
	}
	return nil
}

// Holder is who holds the lock, as others see it.
type Holder struct {
	Name    string
	Purpose string
	// Acquired is by the holder's clock.
	Acquired time.Time
	// Heartbeat is how long ago the last sign of life was.
	Heartbeat time.Duration
}

// Alive tells whether the last sign of life is young enough for nobody else to take the lock.
func (h *Holder) Alive() bool { return h.Heartbeat.Abs() < expiry }

// ReadHolder tells who holds the lock of a cluster; nil when nobody does. The clock may be nil.
func ReadHolder(ctx context.Context, client kubernetes.Interface, clock Clock) (*Holder, error) {
	cm, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, lockName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get lock %s/%s: %w", metav1.NamespaceSystem, lockName, err)
	}
	h := &Holder{Name: cm.Data["holder"], Purpose: cm.Data["purpose"], Acquired: stamp(cm, "acquired")}
	h.Heartbeat, _ = heartbeatAge(ctx, cm, clock)
	return h, nil
}
