//go:build realetcd

package etcdhost

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
)

type ctx = context.Context

// pki are the files of a server's certificate.
type pki struct{ ca, cert, key string }

// certificates makes an authority and a certificate for the host of a URL, for server and client.
func certificates(t *testing.T, dir, endpoint string) pki {
	t.Helper()
	u, err := url.Parse(endpoint)
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "etcd-ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "m1"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		// From other addresses of loopback one comes as 127.0.0.1, and etcd holds that against the certificate.
		IPAddresses: []net.IP{net.ParseIP(u.Hostname()), net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	out := pki{filepath.Join(dir, "ca.crt"), filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")}
	for path, cert := range map[string]*x509.Certificate{out.ca: authority, out.cert: leaf} {
		der, err := x509.CreateCertificate(rand.Reader, cert, authority, &key.PublicKey, key)
		must(t, err)
		must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	}
	der, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(out.key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600))
	return out
}

// reached finds the member and a way to it.
func reached(t *testing.T, m *member) *local.Member {
	t.Helper()
	l := m.local(t)
	if _, err := l.Reach(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if l.Name != m.name || l.DataDir != m.data || l.ClientURL != m.client {
		t.Fatalf("found %s on %s at %s, want %s on %s at %s", l.Name, l.DataDir, l.ClientURL, m.name, m.data, m.client)
	}
	return l
}
