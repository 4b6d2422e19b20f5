package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

const (
	// directTimeout bounds the try to reach an API server past the endpoint: from many places only the endpoint can be reached.
	directTimeout = 5 * time.Second
	// answerTimeout bounds an answer: metrics of a large cluster are tens of megabytes.
	answerTimeout = 30 * time.Second
)

// servers asks every API server for what only it knows: each counts the requests that it has had itself. Where none can be reached
// directly, the endpoint answers for one of them.
func (s *survey) servers(ctx context.Context) error {
	ips, port, err := s.addresses(ctx, metav1.NamespaceDefault, "kubernetes")
	if err != nil {
		return err
	}
	s.Servers = make([]cluster.Server, len(ips))
	all := make([]metrics, len(ips))
	var g errgroup.Group
	for i, ip := range ips {
		g.Go(func() error {
			config := rest.CopyConfig(s.client.Config)
			address := net.JoinHostPort(ip, strconv.Itoa(port))
			config.Host, config.Proxy, config.Dial = "https://"+address, nil, (&net.Dialer{Timeout: directTimeout}).DialContext
			server := cluster.Server{Address: address}
			var err error
			if all[i], err = readMetrics(ctx, config, address); err != nil {
				server.Error = err.Error()
			}
			server.Expiry = all[i].expiry
			s.Servers[i] = server
			return nil
		})
	}
	_ = g.Wait() // what cannot be reached is noted
	var failed []string
	for i, m := range all {
		if s.Servers[i].Error != "" {
			failed = append(failed, s.Servers[i].Error)
		}
		s.note(m, s.Servers[i].Address)
	}
	unasked := len(failed)
	if unasked == len(ips) {
		m, err := readMetrics(ctx, s.client.Config, s.client.Config.Host)
		if err != nil {
			return err
		}
		s.note(m, s.client.Config.Host)
		unasked--
	}
	if unasked > 0 {
		s.Unread = append(s.Unread, cluster.Unread{What: fmt.Sprintf("what %d of %d API servers were asked for", unasked, len(ips)), Cause: failed[0]})
	}
	return nil
}

// requested is a series of the metric that counts deprecated APIs which were asked for, from 1.19 on:
// https://github.com/kubernetes/kubernetes/blob/v1.34.4/staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go
var (
	requested = regexp.MustCompile(`^apiserver_requested_deprecated_apis\{(.*)\} 1`)
	label     = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// metrics are what is looked at of the metrics of an API server.
type metrics struct {
	// requested are the labels of deprecated APIs that were asked of it.
	requested []string
	databases []cluster.Database
	// expiry is until when its certificate is valid.
	expiry time.Time
}

// readMetrics reads them from one API server.
func readMetrics(ctx context.Context, config *rest.Config, server string) (metrics, error) {
	var m metrics
	resp, err := get(ctx, config, "/metrics")
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		m.expiry = resp.TLS.PeerCertificates[0].NotAfter
	}
	if resp.StatusCode != http.StatusOK {
		return m, fmt.Errorf("get /metrics of %s: %s", server, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var sizes []string
	for lines.Scan() {
		line := lines.Text()
		if found := requested.FindStringSubmatch(line); found != nil {
			m.requested = append(m.requested, found[1])
		} else if isSize(line) {
			sizes = append(sizes, line)
		}
	}
	if err := lines.Err(); err != nil {
		return metrics{expiry: m.expiry}, fmt.Errorf("get /metrics of %s: %w", server, err)
	}
	m.databases = databases(sizes, server)
	return m, nil
}

// note puts together what several API servers have told.
func (s *survey) note(m metrics, server string) {
	s.Databases = append(s.Databases, m.databases...)
	for _, labels := range m.requested {
		var r cluster.RequestedAPI
		for _, l := range label.FindAllStringSubmatch(labels, -1) {
			switch l[1] {
			case "group":
				r.Group = l[2]
			case "version":
				r.Version = l[2]
			case "resource":
				r.Resource = l[2]
			}
		}
		i := slices.IndexFunc(s.Requested, func(o cluster.RequestedAPI) bool {
			return o.Group == r.Group && o.Version == r.Version && o.Resource == r.Resource
		})
		if i < 0 {
			s.Requested, i = append(s.Requested, r), len(s.Requested)
		}
		if !slices.Contains(s.Requested[i].Servers, server) {
			s.Requested[i].Servers = append(s.Requested[i].Servers, server)
		}
	}
}

// get sends one request with the operator's credentials; the status is the caller's to judge.
func get(ctx context.Context, config *rest.Config, path string) (*http.Response, error) {
	config = rest.CopyConfig(config)
	config.Timeout = answerTimeout
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make client for %s: %w", config.Host, err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("make client for %s: %w", config.Host, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base.String(), "/")+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", config.Host, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", config.Host, err)
	}
	return resp, nil
}

// health reads which of its own checks the API server fails. /readyz came with 1.16.
func (s *survey) health(ctx context.Context) error {
	for _, path := range []string{"/readyz?verbose", "/healthz?verbose"} {
		resp, err := get(ctx, s.client.Config, path)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("get %s: %w", path, err)
		}
		switch resp.StatusCode {
		case http.StatusNotFound:
			continue
		case http.StatusOK, http.StatusInternalServerError:
		default:
			return fmt.Errorf("get %s: %s", path, resp.Status)
		}
		for line := range strings.Lines(string(body)) {
			if bad, ok := strings.CutPrefix(strings.TrimSpace(line), "[-]"); ok {
				s.Unhealthy = append(s.Unhealthy, bad)
			}
		}
		return nil
	}
	return errors.New("it has neither /readyz nor /healthz")
}

// addresses are the ready endpoints of a service, and the first port. Endpoint slices are stable since 1.21.
func (s *survey) addresses(ctx context.Context, namespace, name string) (ips []string, port int, err error) {
	list, err := s.slices(ctx, namespace, name)
	switch {
	case apierrors.IsNotFound(err):
		return s.oldAddresses(ctx, namespace, name)
	case err != nil:
		return nil, 0, err
	}
	for _, l := range list {
		if len(l.Ports) > 0 && l.Ports[0].Port != nil {
			port = int(*l.Ports[0].Port)
		}
		for _, e := range l.Endpoints {
			if isReady(e) {
				ips = append(ips, e.Addresses...)
			}
		}
	}
	return ips, port, nil
}

func (s *survey) slices(ctx context.Context, namespace, name string) ([]discoveryv1.EndpointSlice, error) {
	list, err := s.client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + name})
	if err != nil {
		return nil, fmt.Errorf("list endpoints of service %s/%s: %w", namespace, name, err)
	}
	return list.Items, nil
}

func isReady(e discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }

func (s *survey) oldAddresses(ctx context.Context, namespace, name string) (ips []string, port int, err error) {
	e, err := s.client.CoreV1().Endpoints(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("get endpoints of service %s/%s: %w", namespace, name, err)
	}
	for _, set := range e.Subsets {
		for _, p := range set.Ports {
			port = int(p.Port)
		}
		for _, a := range set.Addresses {
			ips = append(ips, a.IP)
		}
	}
	return ips, port, nil
}

// endpoints are how many of a service are ready, and on how many nodes.
type endpoints struct{ count, hosts int }

// ready counts the ready endpoints of a service, and the nodes that they are on. A service that is not there has none.
func (s *survey) ready(ctx context.Context, namespace, name string) (count, hosts int, err error) {
	if e, ok := s.asked[namespace+"/"+name]; ok {
		return e.count, e.hosts, nil
	}
	if count, hosts, err = s.count(ctx, namespace, name); err != nil {
		return 0, 0, err
	}
	if s.asked == nil {
		s.asked = map[string]endpoints{}
	}
	s.asked[namespace+"/"+name] = endpoints{count, hosts}
	return count, hosts, nil
}

func (s *survey) count(ctx context.Context, namespace, name string) (count, hosts int, err error) {
	list, err := s.slices(ctx, namespace, name)
	if apierrors.IsNotFound(err) {
		ips, _, err := s.oldAddresses(ctx, namespace, name)
		return len(ips), len(ips), err
	}
	if err != nil {
		return 0, 0, err
	}
	seen := map[string]bool{}
	for _, l := range list {
		for _, e := range l.Endpoints {
			if !isReady(e) {
				continue
			}
			count++
			if e.NodeName != nil {
				seen[*e.NodeName] = true
			}
		}
	}
	return count, len(seen), nil
}
