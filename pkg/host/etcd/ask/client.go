// Package ask talks to the members of an etcd cluster from a host, from 2.3 on. What a release cannot tell stays unknown, and is no error.
package ask

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Patience bounds one question to one member.
const Patience = 5 * time.Second

// Client asks members with the certificate of one access.
type Client struct {
	tls *tls.Config
	web *http.Client
}

// New reads the certificates of an access.
func New(a hostaction.EtcdAccess) (*Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CAFile != "" {
		ca, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read etcd CA: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("read etcd CA: no certificate in %s", a.CAFile)
		}
	}
	if a.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read etcd client certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	// A connection per question: a member that was replaced must not be asked over the old one's.
	return &Client{conf, &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}}, nil
}

// Dial makes a client of the v3 API. It does not connect before it is asked something.
func (c *Client) Dial(endpoints ...string) (*clientv3.Client, error) {
	v3, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: c.tls, DialTimeout: Patience, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd at %s: %w", strings.Join(endpoints, ","), err)
	}
	return v3, nil
}
