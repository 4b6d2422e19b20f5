package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// serving tells whether the local member is what it should be: of a version, a voter with a leader, able to read through the quorum, and as far as its
// leader is.
func (h Host) serving(ctx context.Context, c *ask.Client, endpoints []string, want version.Version) error {
	ctx, cancel := context.WithTimeout(ctx, 2*ask.Patience)
	defer cancel()
	a, err := c.Status(ctx, endpoints[0])
	switch {
	case err != nil:
		return err
	case a.Version != want:
		return fmt.Errorf("it is of %s, and not of %s", a.Version, want)
	case a.Leader == 0:
		return errors.New("it knows no leader")
	case len(a.Complaints) > 0:
		return fmt.Errorf("it complains: %s", a.Complaints[0])
	}
	if err := c.Health(ctx, endpoints[0]); err != nil {
		return err
	}
	all, err := c.Cluster(ctx, endpoints)
	if err != nil {
		return err
	}
	for _, m := range all.Members {
		if !m.Leader || m.Error != "" {
			continue
		}
		behind := a.AppliedIndex < m.AppliedIndex
		if m.AppliedIndex == 0 || a.AppliedIndex == 0 { // up to 3.3 nobody says
			behind = reached(a.EtcdStatus) < reached(m.EtcdStatus)
		}
		// The leader was asked later: while somebody writes, it is always a little ahead.
		if behind && !caughtUp(ctx, c, endpoints[0], m) {
			return fmt.Errorf("it has applied entry %d, and the leader %d", a.AppliedIndex, m.AppliedIndex)
		}
		return nil
	}
	return errors.New("no member leads")
}

// caughtUp asks once more for what the leader had before.
func caughtUp(ctx context.Context, c *ask.Client, endpoint string, leader ask.Member) bool {
	a, err := c.Status(ctx, endpoint)
	return err == nil && a.AppliedIndex >= leader.AppliedIndex && reached(a.EtcdStatus) >= reached(leader.EtcdStatus)
}

// await waits until the member serves, or there is no hope left.
func (h Host) await(ctx context.Context, r runner, c *ask.Client, endpoints []string, want version.Version, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	return h.poll(ctx, 2*look, fmt.Sprintf("wait for etcd %s to serve", want.Bare()), func(ctx context.Context) error {
		if err := r.gaveUp(ctx); err != nil {
			return final("%w", err)
		}
		return h.serving(ctx, c, endpoints, want)
	})
}

// steady is how long a member that waits for others has to run to count as started: one with a wrong flag ends at once.
const steady = 5 * time.Second

// awaitAlone waits until the member runs, or serves if it can: it may be the first of those that it needs.
func (h Host) awaitAlone(ctx context.Context, r runner, c *ask.Client, endpoints []string, want version.Version, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	var since time.Time
	return h.poll(ctx, 2*look, fmt.Sprintf("wait for etcd %s to run", want.Bare()), func(ctx context.Context) error {
		if err := r.gaveUp(ctx); err != nil {
			return final("%w", err)
		}
		if !r.alive(ctx) {
			since = time.Time{}
			return errors.New("no process of it runs")
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) >= steady || h.serving(ctx, c, endpoints, want) == nil {
			return nil
		}
		return errors.New("it has only just begun")
	})
}

// outage measures how long a member does not answer.
type outage struct {
	stop context.CancelFunc
	done sync.WaitGroup
	from time.Time
	last time.Duration
}

// measure begins to ask, several times a second.
func measure(ctx context.Context, c *ask.Client, endpoint string) *outage {
	ctx, cancel := context.WithCancel(ctx)
	o := &outage{stop: cancel}
	o.done.Go(func() {
		tick := time.NewTicker(look / 2)
		defer tick.Stop()
		for {
			try, end := context.WithTimeout(ctx, time.Second)
			began := time.Now()
			_, err := c.Versions(try, endpoint)
			end()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && o.from.IsZero():
				o.from = began
			case err == nil && !o.from.IsZero():
				o.last += time.Since(o.from)
				o.from = time.Time{}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return o
}

// end gives the time without an answer.
func (o *outage) end() time.Duration {
	o.stop()
	o.done.Wait()
	if !o.from.IsZero() {
		o.last += time.Since(o.from)
	}
	return o.last
}
