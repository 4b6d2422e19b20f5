package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// Now is the time by the API server's clock, in whole seconds: every answer carries it.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask API server for the time: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(c.Config)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask API server for the time: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base.String(), "/")+"/version", nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask API server for the time: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask API server for the time: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // the connection is used again once the body is read
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("ask API server for the time: %w", err)
	}
	return now, nil
}
