package record

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Retire is for a run that has the cluster forget what it knows, this lock with it: it is renewed no more, and its loss is none. It stays where it is, so that
// nobody begins anything before the cluster has forgotten it.
func (l *Lock) Retire() {
	l.stop()
	l.beat.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
}

// Forgotten tells whether the cluster knows nothing of this lock any more.
func (l *Lock) Forgotten(ctx context.Context) (bool, error) {
	have, err := l.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, lockName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("read lock: %w", err)
	}
	return have.Data["token"] != l.token, nil
}

// Abandon lets another lock be taken in place of a retired one.
func (l *Lock) Abandon() error {
	if l.witness == nil {
		return nil
	}
	return l.witness.lock.Unlock()
}
