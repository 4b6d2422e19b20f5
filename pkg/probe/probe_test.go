package probe

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

const quick = 10 * time.Millisecond

// endpoint is an API server that can be stopped and started again at the same address.
type endpoint struct {
	t           *testing.T
	addr        string
	server      *httptest.Server
	handler     http.HandlerFunc
	connections atomic.Int32
	// dials counts who sets out for the address, whether somebody listens there or not.
	dials atomic.Int32
}

func newEndpoint(t *testing.T, h http.HandlerFunc) *endpoint {
	t.Helper()
	e := &endpoint{t: t, addr: "127.0.0.1:0", handler: h}
	e.start()
	t.Cleanup(func() { e.server.Close() })
	return e
}

func (e *endpoint) start() {
	e.t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(e.t.Context(), "tcp", e.addr)
	if err != nil {
		e.t.Fatal(err)
	}
	e.addr = l.Addr().String()
	e.server = &httptest.Server{Listener: l, EnableHTTP2: true, Config: &http.Server{Handler: e.handler}}
	e.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			e.connections.Add(1)
		}
	}
	e.server.StartTLS()
}

func (e *endpoint) stop() { e.server.CloseClientConnections(); e.server.Close() }

func (e *endpoint) config() *rest.Config {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.server.Certificate().Raw})
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		e.dials.Add(1)
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	return &rest.Config{Host: "https://" + e.addr, BearerToken: "t0ken", TLSClientConfig: rest.TLSClientConfig{CAData: ca}, Dial: dial}
}

// asked waits until that many requests have begun and ended: one that sets out tells that the one before has ended.
func (e *endpoint) asked(requests int) {
	e.t.Helper()
	want := e.dials.Load() + int32(requests) + 1 //nolint:gosec // a handful
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for e.dials.Load() < want {
		select {
		case <-tick.C:
		case <-limit:
			e.t.Fatalf("%d requests within a minute, want %d", e.dials.Load(), want)
		}
	}
}

// version answers as an API server does.
func version(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/version" || r.Header.Get("Authorization") != "Bearer t0ken" {
		http.Error(w, "unexpected", http.StatusTeapot)
		return
	}
	_, _ = fmt.Fprint(w, `{"major":"1","minor":"12"}`)
}

func start(t *testing.T, e *endpoint, emit func(Gap)) *Probe {
	t.Helper()
	p, err := Start(t.Context(), e.config(), Options{Interval: quick, Timeout: 200 * time.Millisecond}, emit)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNoGap(t *testing.T) {
	e := newEndpoint(t, version)
	p := start(t, e, func(g Gap) { t.Errorf("gap %+v although the server answered all the time", g) })
	e.asked(5)
	s := p.Stop()
	if s.Requests < 5 || s.Failed != 0 || len(s.Gaps) != 0 || s.Total != 0 {
		t.Errorf("summary %+v, want some requests and no failure", s)
	}
	if n := int(e.connections.Load()); n < s.Requests {
		t.Errorf("%d connections for %d requests: want a new one each time", n, s.Requests)
	}
}

func TestGap(t *testing.T) {
	e := newEndpoint(t, version)
	emitted := make(chan Gap, 10)
	p := start(t, e, func(g Gap) { emitted <- g })
	e.asked(3)
	before := time.Now()
	e.stop()
	e.asked(3)
	restarted := time.Now()
	e.start()
	var g Gap
	select {
	case g = <-emitted:
	case <-time.After(time.Minute):
		t.Fatal("no gap within a minute of the restart")
	}
	s := p.Stop()
	// A request may be under way when the server stops.
	if g.Start.Before(before.Add(-time.Second)) || g.Start.After(restarted) || g.End.Before(restarted) {
		t.Errorf("gap from %s to %s, want from %s to after %s", g.Start, g.End, before, restarted)
	}
	if g.Error == "" {
		t.Errorf("gap %+v, want an error", g)
	}
	if len(s.Gaps) != 1 || s.Failed < 1 || s.Failed >= s.Requests || s.Longest != g.Length() || s.Total != g.Length() {
		t.Errorf("summary %+v, want one gap of %s", s, g.Length())
	}
}

func TestGapOpenAtTheEnd(t *testing.T) {
	e := newEndpoint(t, version)
	p := start(t, e, nil)
	e.asked(2)
	e.stop()
	e.asked(2)
	s := p.Stop()
	if again := p.Stop(); again.Requests != s.Requests {
		t.Errorf("second Stop gives %+v, first %+v", again, s)
	}
	if len(s.Gaps) != 1 || s.Gaps[0].End.IsZero() {
		t.Fatalf("summary %+v, want one gap that ends with the probe", s)
	}
}

// A server that hangs is as good as none, and must not hold up the end of the probe.
func TestHangingServer(t *testing.T) {
	release := make(chan struct{})
	e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	p := start(t, e, nil)
	e.asked(1)
	began := time.Now()
	s := p.Stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Stop took %s", took)
	}
	if len(s.Gaps) != 1 || !strings.Contains(s.Gaps[0].Error, "no answer within 200ms") {
		t.Errorf("summary %+v, want one gap for want of answers", s)
	}
}

// answers gives one status after another, the last one for ever.
func answers(status ...int) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(status[0])
		if len(status) > 1 {
			status = status[1:]
		}
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		status []int
		failed int
	}{
		{"server error", []int{200, 503, 500, 200}, 2},
		{"throttled", []int{200, 429, 200}, 1},
		{"refused by a server that starts", []int{200, 403, 200}, 1},
		{"refused from the beginning", []int{403}, 0},
		{"refused, then not", []int{401, 200, 401}, 0},
		{"refused otherwise than before", []int{401, 403, 401}, 1},
		{"refused only after an error", []int{500, 403, 200}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, answers(c.status...))
			p := start(t, e, nil)
			e.asked(len(c.status) + 1)
			if s := p.Stop(); s.Failed != c.failed || s.Requests <= len(c.status) {
				t.Errorf("%d of %d requests failed, want %d", s.Failed, s.Requests, c.failed)
			}
		})
	}
}

func TestPathOfAProxyIsKept(t *testing.T) {
	paths := make(chan string, 1000)
	e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path })
	config := e.config()
	config.Host += "/k8s/clusters/c-1"
	p, err := Start(t.Context(), config, Options{Interval: quick}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if got := <-paths; got != "/k8s/clusters/c-1/version" {
		t.Errorf("asked for %s", got)
	}
	if len(config.NextProtos) != 0 {
		t.Error("the caller's config was changed")
	}
}
