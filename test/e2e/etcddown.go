package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// membersWatch sees from outside when each member of etcd does not answer.
type membersWatch struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	now    map[string]bool
	down   map[string]time.Duration
	// most is how many members were down at once, and who was then.
	most   int
	atMost []string
}

const (
	// membersLook is how often each member is asked; it takes a second or more to restart one.
	membersLook = 100 * time.Millisecond
	// membersPatience is when one that is connected to, and says nothing, counts as down. One that was ended refuses the connection at once; a machine that
	// is short of everything answers late.
	membersPatience = 5 * time.Second
)

func (e *env) watchMembers(ctx context.Context) (*membersWatch, error) {
	members := e.members()
	conf, err := e.etcdTLS(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &membersWatch{cancel: cancel, now: map[string]bool{}, down: map[string]time.Duration{}}
	for _, node := range slices.Sorted(maps.Keys(members)) {
		client := &http.Client{Timeout: membersPatience, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
		w.done.Go(func() { w.ask(ctx, node, client, members[node]+"/version") })
	}
	return w, nil
}

// ask wants no more than that the member answers: whether there is a quorum is another question.
func (w *membersWatch) ask(ctx context.Context, node string, client *http.Client, url string) {
	tick := time.NewTicker(membersLook)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		if ctx.Err() != nil {
			return
		}
		w.note(node, err != nil, time.Since(last))
		last = time.Now()
	}
}

func (w *membersWatch) note(node string, down bool, since time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now[node] = down
	if !down {
		return
	}
	w.down[node] += since
	var all []string
	for n, is := range w.now {
		if is {
			all = append(all, n)
		}
	}
	if len(all) > w.most {
		slices.Sort(all)
		w.most, w.atMost = len(all), all
	}
}

func (w *membersWatch) stop() {
	w.cancel()
	w.done.Wait()
}

// oneAtATime wants every member to have been down, and never two of them at once.
func (w *membersWatch) oneAtATime(nodes []string) error {
	if w.most > 1 {
		return fmt.Errorf("%d members were down at once: %s", w.most, strings.Join(w.atMost, ", "))
	}
	for _, n := range nodes {
		if w.down[n] == 0 {
			return fmt.Errorf("the member on %s was never down: it was not replaced, or too fast to be seen", n)
		}
	}
	return nil
}
