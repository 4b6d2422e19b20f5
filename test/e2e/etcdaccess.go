package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// members gives the client address of the etcd member on each control-plane node.
func (e *env) members() map[string]string {
	scheme := "https://"
	if i := e.lab.info.Etcd; !i.stacked() && i.CAFile == "" {
		scheme = "http://"
	}
	out := map[string]string{}
	for _, n := range e.lab.info.Nodes {
		if n.Role == "control-plane" {
			out[n.Name] = scheme + n.IP + ":2379"
		}
	}
	return out
}

// etcdFile reads a file that lets a client in: the lab's own, or of kubeadm's etcd the one on the first node.
func (e *env) etcdFile(ctx context.Context, ours, kubeadms string) ([]byte, error) {
	if !e.lab.info.Etcd.stacked() {
		return os.ReadFile(ours)
	}
	text, err := e.lab.exec(ctx, e.lab.info.controlPlanes()[0], "cat", "/etc/kubernetes/pki/etcd/"+kubeadms)
	return []byte(text), err
}

// etcdTLS is nil where etcd speaks plain HTTP.
func (e *env) etcdTLS(ctx context.Context) (*tls.Config, error) {
	i := e.lab.info.Etcd
	if !i.stacked() && i.CAFile == "" {
		return nil, nil
	}
	ca, err := e.etcdFile(ctx, i.CAFile, "ca.crt")
	if err != nil {
		return nil, fmt.Errorf("read etcd's authority: %w", err)
	}
	cert, err := e.etcdFile(ctx, i.CertFile, "server.crt")
	if err != nil {
		return nil, fmt.Errorf("read etcd certificate: %w", err)
	}
	key, err := e.etcdFile(ctx, i.KeyFile, "server.key")
	if err != nil {
		return nil, fmt.Errorf("read etcd key: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read etcd certificate: %w", err)
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// etcdClient talks to the members from outside of the cluster, as an ordinary client of etcd's.
func (e *env) etcdClient(ctx context.Context, endpoints ...string) (*clientv3.Client, error) {
	conf, err := e.etcdTLS(ctx)
	if err != nil {
		return nil, err
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: conf, DialTimeout: 2 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd at %s: %w", strings.Join(endpoints, ","), err)
	}
	return c, nil
}
