package cluster

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/pki"
)

const etcdPKIFolder = etcdFolder + "/pki/"

// etcdPKI signs for an etcd that kubeadm does not run. Its key stays with the lab, as an administrator's does, and is gone when the
// cluster is up. nil where etcd speaks plain HTTP.
type etcdPKI struct{ *pki.Authority }

func newEtcdPKI() (*etcdPKI, error) {
	a, err := pki.New("etcd-ca", time.Now())
	if err != nil {
		return nil, err
	}
	return &etcdPKI{a}, nil
}

// node are the certificates on a node, those of its member and that of its API server, by path.
func (p *etcdPKI) node(n Node) (map[string]string, error) {
	files := map[string]string{}
	if p == nil {
		return files, nil
	}
	client := strings.TrimPrefix(etcdClientCert, "/")
	hosts := []string{n.Name, "localhost", n.IP, "127.0.0.1"}
	for _, c := range []struct {
		name, cert string
		hosts      []string
		usages     []x509.ExtKeyUsage
	}{
		// Up to 3.3 etcd shows its server's certificate to itself, as a client of its own gateway.
		{n.Name, etcdPKIFolder + "server.crt", hosts, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
		{n.Name, etcdPKIFolder + "peer.crt", hosts, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
		{"kube-apiserver-etcd-client", client, nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	} {
		pair, err := p.Issue(c.name, c.hosts, c.usages...)
		if err != nil {
			return nil, err
		}
		files[c.cert], files[strings.TrimSuffix(c.cert, ".crt")+".key"] = pair.Cert, pair.Key
	}
	files[etcdPKIFolder+"ca.crt"], files[strings.TrimPrefix(etcdClientCA, "/")] = p.Cert(), p.Cert()
	return files, nil
}

// etcdAccess is where the lab keeps what its own machine shows to etcd.
func (s *State) etcdAccess(name string) string { return filepath.Join(s.dir, "etcd", name) }

// keepEtcdAccess gives this machine a certificate of its own, for tests that ask etcd itself.
func (s *State) keepEtcdAccess() error {
	pair, err := s.etcdPKI.Issue("lab", nil, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.etcdAccess(""), 0o700); err != nil {
		return fmt.Errorf("create folder for access to etcd: %w", err)
	}
	for name, text := range map[string]string{"ca.crt": s.etcdPKI.Cert(), "client.crt": pair.Cert, "client.key": pair.Key} {
		if err := os.WriteFile(s.etcdAccess(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write access to etcd: %w", err)
		}
	}
	return nil
}
