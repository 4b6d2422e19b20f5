package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// watcher looks at the nodes five times a second, since a cordon may be short and events get lost.
type watcher struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	seen   sightings
}

// sightings are when nodes were seen to be closed and opened to new pods.
type sightings struct {
	cordons map[string][]interval
	// atOnce are the nodes that were seen closed at the same time, more than one.
	atOnce map[string]bool
	// longestGap is the longest time between two answers of the API server.
	longestGap time.Duration
}

type interval struct{ from, to time.Time }

func (e *env) watchNodes(ctx context.Context) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, seen: sightings{cordons: map[string][]interval{}, atOnce: map[string]bool{}}}
	w.done.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			one, cancel := context.WithTimeout(ctx, 2*time.Second)
			closed, err := e.closedNodes(one)
			cancel()
			if err != nil {
				continue
			}
			now := time.Now()
			w.seen.longestGap = max(w.seen.longestGap, now.Sub(last))
			last = now
			w.seen.note(now, closed)
		}
	})
	return w
}

func (w *watcher) stop() *sightings {
	w.cancel()
	w.done.Wait()
	return &w.seen
}

func (e *env) closedNodes(ctx context.Context) ([]string, error) {
	list, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var closed []string
	for _, n := range list.Items {
		if n.Spec.Unschedulable {
			closed = append(closed, n.Name)
		}
	}
	return closed, nil
}

func (s *sightings) note(now time.Time, closed []string) {
	if len(closed) > 1 {
		s.atOnce[strings.Join(closed, " and ")] = true
	}
	open := map[string]bool{}
	for _, n := range closed {
		open[n] = true
		all := s.cordons[n]
		if len(all) == 0 || !all[len(all)-1].to.IsZero() {
			s.cordons[n] = append(all, interval{from: now})
		}
	}
	for n, all := range s.cordons {
		if i := &all[len(all)-1]; !open[n] && i.to.IsZero() {
			i.to = now
		}
	}
}

// oneAtATime wants each node closed and opened exactly once, and never two closed together.
func (s *sightings) oneAtATime(nodes []string) error {
	for together := range s.atOnce {
		return fmt.Errorf("nodes %s were cordoned at the same time", together)
	}
	for _, n := range nodes {
		switch all := s.cordons[n]; {
		case len(all) != 1:
			return fmt.Errorf("node %s was cordoned %d times, want once", n, len(all))
		case all[0].to.IsZero():
			return fmt.Errorf("node %s was not seen uncordoned", n)
		}
	}
	return nil
}

func (s *sightings) longestCordon() time.Duration {
	var longest time.Duration
	for _, all := range s.cordons {
		for _, i := range all {
			longest = max(longest, i.to.Sub(i.from))
		}
	}
	return longest
}
