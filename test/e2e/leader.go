package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// leaders is who led etcd, and since when, as often as it changed.
type leaders struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	terms  []term
}

type term struct {
	node  string
	since time.Time
}

// watchLeader asks the members five times a second who leads.
func (e *env) watchLeader(ctx context.Context) (*leaders, error) {
	members := e.members()
	c, err := e.etcdClient(ctx, slices.Sorted(maps.Values(members))...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &leaders{cancel: cancel}
	l.done.Go(func() {
		defer c.Close()
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for node, url := range members {
				if leads(ctx, c, url) {
					l.note(node)
					break
				}
			}
		}
	})
	return l, nil
}

func leads(ctx context.Context, c *clientv3.Client, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := c.Status(ctx, url)
	return err == nil && s.Leader == s.Header.MemberId
}

func (l *leaders) note(node string) {
	if n := len(l.terms); n == 0 || l.terms[n-1].node != node {
		l.terms = append(l.terms, term{node, time.Now()})
	}
}

func (l *leaders) stop() {
	l.cancel()
	l.done.Wait()
}

// movedAway wants the leader on another node whenever kubeadm began to work on one.
func (l *leaders) movedAway(runs []hostRun, controlPlanes []string) error {
	worked := map[string]bool{}
	for _, r := range runs {
		if !strings.HasPrefix(r.kind, "kubeadm-") || r.kind == "kubeadm-plan" || r.kind == "kubeadm-diff" || !slices.Contains(controlPlanes, r.node) {
			continue
		}
		worked[r.node] = true
		var leader string
		for _, t := range l.terms {
			if t.since.Before(r.from) {
				leader = t.node
			}
		}
		if leader == r.node || leader == "" {
			return fmt.Errorf("%s began on %s at %s, while etcd was led from %q", r.kind, r.node, r.from.Format(time.TimeOnly), leader)
		}
	}
	if len(worked) != len(controlPlanes) {
		return fmt.Errorf("kubeadm worked on %d control-plane nodes, want %d", len(worked), len(controlPlanes))
	}
	return nil
}

// fetchedBefore wants packages and images on every node before the first node is closed.
func fetchedBefore(runs []hostRun, a audit, nodes []string) error {
	var first time.Time
	for _, all := range a.cordons() {
		for _, i := range all {
			if first.IsZero() || i.from.Before(first) {
				first = i.from
			}
		}
	}
	for _, n := range nodes {
		for _, kind := range []string{"download-packages", "pull-images"} {
			some := false
			for _, r := range runs {
				if r.node != n || r.kind != kind {
					continue
				}
				some = true
				if r.to.After(first) {
					return fmt.Errorf("%s on %s ended at %s, after a node was closed at %s", kind, n, r.to.Format(time.TimeOnly), first.Format(time.TimeOnly))
				}
			}
			if !some {
				return fmt.Errorf("there was no %s on %s", kind, n)
			}
		}
	}
	return nil
}
