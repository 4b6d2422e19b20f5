// Package probe measures whether the API endpoint answers while an upgrade goes on: what other users of the cluster saw of it.
package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// Options say how often the endpoint is asked. The zero value asks every 250 ms and gives each request 2 s.
type Options struct {
	Interval, Timeout time.Duration
}

// Gap is a time without answers: from the start of the first request that failed to the first answer after it.
type Gap struct {
	Start, End time.Time
	// Error is how the first request failed.
	Error string
	// Steps are the IDs of the steps that ran meanwhile; Attribute fills them in.
	Steps []string
}

// Length is how long the gap was.
func (g Gap) Length() time.Duration { return g.End.Sub(g.Start) }

// Summary is what a probe saw from Start to Stop.
type Summary struct {
	Requests, Failed int
	Gaps             []Gap
	Longest, Total   time.Duration
}

// Probe asks the endpoint until it is stopped.
//
// It asks for /version: every server has it, it needs no right beyond discovery, which every user has, and no etcd, so that
// it tells of the endpoint alone. /readyz came with 1.16 and says whether a server wants traffic, not whether users get through.
//
// Each request opens a connection of its own, as a kubectl that is started at that moment does. A kept connection would
// hide a load balancer that sends new ones to a dead server; and when its server restarts, it would break although the next one
// works. So no failure here is a leftover of an old connection, and none is tried again before it counts.
type Probe struct {
	client   *http.Client
	url      string
	opts     Options
	emit     func(Gap)
	cancel   context.CancelFunc
	finished chan struct{}

	// The rest belongs to the loop until finished is closed.
	summary Summary
	open    *Gap
	// refused is the status of the first answer, if that was a refusal.
	refused int
}

// Start begins to ask. emit, which may be nil, gets each gap once it is over. The config is copied.
func Start(ctx context.Context, config *rest.Config, o Options, emit func(Gap)) (*Probe, error) {
	if o.Interval <= 0 {
		o.Interval = 250 * time.Millisecond
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if emit == nil {
		emit = func(Gap) {}
	}
	c := rest.CopyConfig(config)
	// client-go shares transports between equal configs. This one is equal to no other, so that closing its connections
	// closes nobody else's; and HTTP/1.1 is what can be closed after each request.
	c.NextProtos = []string{"http/1.1"}
	c.Timeout = 0
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("make probe for %s: %w", config.Host, err)
	}
	base, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return nil, fmt.Errorf("make probe for %s: %w", config.Host, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Probe{client: client, url: join(base), opts: o, emit: emit, cancel: cancel, finished: make(chan struct{})}
	go p.loop(ctx)
	return p, nil
}

// join keeps the path under which a proxy, such as Rancher's, serves a cluster.
func join(base *url.URL) string {
	u := *base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/version"
	return u.String()
}

// Stop ends the probe and tells what it saw. A gap that is still open ends now. It may be called more than once.
func (p *Probe) Stop() Summary {
	p.cancel()
	<-p.finished
	return p.summary
}

func (p *Probe) loop(ctx context.Context) {
	defer close(p.finished)
	tick := time.NewTicker(p.opts.Interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.ask(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	if p.open != nil {
		p.shut(time.Now())
	}
}

func (p *Probe) ask(ctx context.Context) {
	start := time.Now()
	err := p.get(ctx)
	if ctx.Err() != nil { // cut off by ourselves: says nothing
		return
	}
	p.summary.Requests++
	switch {
	case err != nil:
		p.summary.Failed++
		if p.open == nil {
			p.open = &Gap{Start: start, Error: err.Error()}
		}
	case p.open != nil:
		p.shut(time.Now())
	}
}

func (p *Probe) get(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.opts.Timeout, fmt.Errorf("no answer within %s", p.opts.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask for version: %w", err)
	}
	req.Close = true
	resp, err := p.client.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		_ = resp.Body.Close()
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case !p.accept(resp.StatusCode):
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return nil
}

// accept tells answers from failures. A refusal is a failure, since servers that start refuse before they know the rights of
// their users; but where discovery is closed to this user from the beginning, it is the answer to expect.
func (p *Probe) accept(status int) bool {
	refusal := status == http.StatusUnauthorized || status == http.StatusForbidden
	if refusal && p.summary.Requests == 0 {
		p.refused = status
	}
	return status >= 200 && status < 300 || refusal && status == p.refused
}

func (p *Probe) shut(end time.Time) {
	g := *p.open
	g.End = end
	p.open = nil
	p.summary.Gaps = append(p.summary.Gaps, g)
	p.summary.Total += g.Length()
	p.summary.Longest = max(p.summary.Longest, g.Length())
	p.emit(g)
}
