package kube

import (
	"context"
	"net/http"

	"k8s.io/client-go/rest"
)

// Guarded gives a client that asks check before every request, and sends none when that is an error.
func (c *Client) Guarded(check func(context.Context) error) (*Client, error) {
	config := rest.CopyConfig(c.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return guard{next, check} })
	return NewForConfig(config, c.Context)
}

type guard struct {
	next  http.RoundTripper
	check func(context.Context) error
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.check(r.Context()); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return g.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the transport below, whose TLS settings streams need.
func (g guard) WrappedRoundTripper() http.RoundTripper { return g.next }
