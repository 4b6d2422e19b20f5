package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// The certificate that kubeadm makes for the liveness probe of etcd.
const (
	kubeadmCA   = "/etc/kubernetes/pki/etcd/ca.crt"
	kubeadmCert = "/etc/kubernetes/pki/etcd/healthcheck-client.crt"
	kubeadmKey  = "/etc/kubernetes/pki/etcd/healthcheck-client.key"
)

// Reach finds out how to talk to the member and notes it in the process. Where it does not answer, the likeliest way is noted, and the error says
// why it is none. server is what an API server on the host is told, or nil.
func (m *Member) Reach(ctx context.Context, server *cluster.EtcdClient) (hostaction.EtcdAccess, error) {
	ways := m.ways(server)
	if len(ways) == 0 {
		return hostaction.EtcdAccess{}, fmt.Errorf("find a way to etcd of %s: it listens with TLS, and no certificate for it is on this host", m.DataDir)
	}
	m.note(ways[0])
	if m.PID == 0 {
		return ways[0], fmt.Errorf("ask etcd of %s: it does not run", m.DataDir)
	}
	// HTTP says at once what is wrong, where gRPC tries until its time is over. Not every member speaks it.
	var problems []error
	for _, how := range []func(*ask.Client, string) error{
		func(c *ask.Client, e string) error { _, err := c.Versions(ctx, e); return err },
		func(c *ask.Client, e string) error { _, err := c.Status(ctx, e); return err },
	} {
		for _, w := range ways {
			c, err := ask.New(w)
			if err == nil {
				err = how(c, w.Endpoints[0])
			}
			if err == nil {
				m.note(w)
				return w, nil
			}
			problems = append(problems, err)
		}
	}
	return ways[0], errors.Join(problems...)
}

func (m *Member) note(a hostaction.EtcdAccess) {
	m.ClientURL, m.CAFile, m.CertFile, m.KeyFile = a.Endpoints[0], a.CAFile, a.CertFile, a.KeyFile
}

// Access is the way that was noted.
func (m *Member) Access() hostaction.EtcdAccess {
	return hostaction.EtcdAccess{Endpoints: []string{m.ClientURL}, CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile}
}

// ways lists what could do, the likeliest first.
func (m *Member) ways(server *cluster.EtcdClient) []hostaction.EtcdAccess {
	s := m.settings
	ca := s["trusted-ca-file"]
	if ca == "" {
		ca = s["ca-file"] // up to 3.3
	}
	own := hostaction.EtcdAccess{CAFile: m.path(ca), CertFile: m.path(s["cert-file"]), KeyFile: m.path(s["key-file"])}
	probe := hostaction.EtcdAccess{CAFile: kubeadmCA, CertFile: kubeadmCert, KeyFile: kubeadmKey}
	certs := []hostaction.EtcdAccess{own, probe}
	if m.Run == cluster.EtcdAsPod {
		certs = []hostaction.EtcdAccess{probe, own}
	}
	if server != nil {
		theirs := hostaction.EtcdAccess{CAFile: server.CAFile, CertFile: server.CertFile, KeyFile: server.KeyFile}
		certs = []hostaction.EtcdAccess{certs[0], theirs, certs[1]}
	}
	var out []hostaction.EtcdAccess
	for _, u := range s.clientURLs() {
		if !strings.HasPrefix(u, "https://") {
			out = append(out, hostaction.EtcdAccess{Endpoints: []string{u}})
			continue
		}
		for _, c := range certs {
			if c.CAFile != "" && there(c.CAFile, c.CertFile, c.KeyFile) {
				c.Endpoints = []string{u}
				out = append(out, c)
			}
		}
	}
	return out
}

func (m *Member) path(inside string) string {
	if inside == "" {
		return ""
	}
	return m.host(inside)
}

// there tells whether all files are; an empty name is none that is missing.
func there(paths ...string) bool {
	for _, p := range paths {
		if p == "" {
			continue
		}
		if _, err := os.Stat(p); err != nil {
			return false
		}
	}
	return true
}
