package record

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// clearlyDead is by how much no two clocks of API servers differ that ever worked together.
const clearlyDead = time.Hour

// Clock gives the time by the API server's clock.
type Clock func(context.Context) (time.Time, error)

// heartbeatAge tells how old the last heartbeat in a lock is. Servers from 1.18 on note themselves when an object was written, so that
// both ends of the time are theirs, and the clocks of the operators' machines do not matter: the age is then sure. On older ones the
// holder's stamp is held against this machine's clock.
func heartbeatAge(ctx context.Context, lock *corev1.ConfigMap, clock Clock) (age time.Duration, sure bool) {
	var written time.Time
	for _, f := range lock.ManagedFields {
		if f.Time != nil && f.Time.After(written) {
			written = f.Time.Time
		}
	}
	if clock != nil && !written.IsZero() {
		if now, err := clock(ctx); err == nil {
			// Both are in whole seconds.
			return max(0, now.Sub(written)), true
		}
	}
	return time.Since(stamp(lock, "renewed")), false
}

// stamp reads a time of a lock; zero when it is not there.
func stamp(lock *corev1.ConfigMap, key string) time.Time {
	t, err := time.Parse(time.RFC3339, lock.Data[key])
	if err != nil {
		return time.Time{}
	}
	return t
}
