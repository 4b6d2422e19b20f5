package pki

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func TestIssuedCertificates(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a, err := New("etcd-ca", now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(a.Cert())) {
		t.Fatalf("no certificate: %q", a.Cert())
	}
	p, err := a.Issue("cp-1", []string{"cp-1", "10.0.0.1"}, x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(p.Cert), []byte(p.Key))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		host  string
		usage x509.ExtKeyUsage
		at    time.Time
		good  bool
	}{
		"by name":                {"cp-1", x509.ExtKeyUsageServerAuth, now, true},
		"by address":             {"10.0.0.1", x509.ExtKeyUsageServerAuth, now, true},
		"another host":           {"cp-2", x509.ExtKeyUsageServerAuth, now, false},
		"as a client":            {"", x509.ExtKeyUsageClientAuth, now, false},
		"after more than a year": {"cp-1", x509.ExtKeyUsageServerAuth, now.Add(year + time.Hour), false},
	} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: c.host, CurrentTime: c.at, KeyUsages: []x509.ExtKeyUsage{c.usage}})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", what, err)
		}
	}
	q, err := a.Issue("cp-1", nil, x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := tls.X509KeyPair([]byte(q.Cert), []byte(q.Key)); err != nil || other.Leaf.SerialNumber.Cmp(pair.Leaf.SerialNumber) == 0 {
		t.Errorf("a second certificate: %v, serial number %v", err, other.Leaf.SerialNumber)
	}
}
