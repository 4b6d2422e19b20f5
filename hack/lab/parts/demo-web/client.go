package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/signal"
	"syscall"
	"time"
)

type clientOptions struct {
	url                    string
	every, timeout, report time.Duration
	retry, keepAlive       bool
}

// totals is what the client proves: how many requests, how many of them failed, and the longest time between two
// answers.
type totals struct {
	requests, failed int
	lastGood         time.Time
	longestGap       time.Duration
}

func (t *totals) good(at time.Time) {
	t.requests++
	t.gap(at)
	t.lastGood = at
}

func (t *totals) bad(at time.Time) {
	t.requests++
	t.failed++
	t.gap(at)
}

func (t *totals) gap(at time.Time) {
	if g := at.Sub(t.lastGood); g > t.longestGap {
		t.longestGap = g
	}
}

func (t *totals) String() string {
	return fmt.Sprintf("requests=%d failed=%d longest_gap_ms=%d", t.requests, t.failed, t.longestGap.Milliseconds())
}

func watch(o clientOptions) error {
	if o.url == "" {
		return errors.New("start client: -url is missing")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	// The http client's own limit covers the body too; keep-alive would pin all requests to one endpoint.
	c := &http.Client{Timeout: o.timeout, Transport: &http.Transport{DisableKeepAlives: !o.keepAlive}}
	// What is not up yet has not failed: counting begins with the first answer.
	for get(ctx, c, o.url) != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.every):
		}
	}
	fmt.Printf("%s first answer\n", stamp())
	t := &totals{lastGood: time.Now()}
	tick, report := time.NewTicker(o.every), time.NewTicker(o.report)
	defer tick.Stop()
	defer report.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Println(t)
			return nil
		case <-report.C:
			fmt.Println(t)
		case <-tick.C:
			once(ctx, c, o, t)
		}
	}
}

func once(ctx context.Context, c *http.Client, o clientOptions, t *totals) {
	err := get(ctx, c, o.url)
	if err != nil && o.retry && ctx.Err() == nil {
		fmt.Printf("%s retry %v\n", stamp(), err)
		err = get(ctx, c, o.url)
	}
	switch {
	case ctx.Err() != nil: // our own end is no failure of the server's
	case err != nil:
		t.bad(time.Now())
		fmt.Printf("%s failure %v\n", stamp(), err)
		fmt.Println(t)
	default:
		t.good(time.Now())
	}
}

func get(ctx context.Context, c *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", res.Status)
	}
	return nil
}

func stamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }
