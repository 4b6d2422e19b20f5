package cluster

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// loadBalancer starts haproxy in front of the apiservers, set up as kubeadm's documentation has it: it asks each of them
// /readyz, and takes another one where a connection is refused before that question was due. Beyond that documentation, it ends
// the connections to a server that is not ready: else clients stay with an apiserver that lives on without its etcd.
func (s *State) loadBalancer(ctx context.Context) error {
	log := s.logFile("lb")
	if err := docker.Do(ctx, log, "create", "--name", s.LoadBalancer.Container, "--hostname", "lb", "--label", docker.Label+"="+s.Name,
		"--network", s.Name, "--ip", s.LoadBalancer.IP, "--entrypoint", "haproxy", s.Image, "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"); err != nil {
		return err
	}
	if err := put(ctx, log, s.LoadBalancer.Container, map[string]string{"etc/haproxy/haproxy.cfg": s.haproxyConfig()}); err != nil {
		return err
	}
	return docker.Do(ctx, log, "start", s.LoadBalancer.Container)
}

func (s *State) haproxyConfig() string {
	var b strings.Builder
	path := "/readyz"
	if semver.Compare(s.Topology.Kubernetes, "v1.16.0") < 0 {
		path = "/healthz" // the other came with 1.16
	}
	fmt.Fprintf(&b, `global
  log stdout format raw local0

defaults
  mode tcp
  log global
  option tcplog
  option redispatch
  retries 1
  timeout connect 2s
  timeout client 1h
  timeout server 1h

frontend api
  bind *:6443
  default_backend apiservers

backend apiservers
  balance roundrobin
  option httpchk GET %s
  http-check expect status 200
  default-server check check-ssl verify none inter 1s fall 2 rise 2 on-marked-down shutdown-sessions
`, path)
	for _, n := range s.Nodes {
		if n.Role == topology.ControlPlane {
			fmt.Fprintf(&b, "  server %s %s:6443\n", n.Name, n.IP)
		}
	}
	return b.String()
}
