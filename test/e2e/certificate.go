package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// clientCertificate has the cluster's own authority sign a certificate of an administrator that ends at the given time.
func (e *env) clientCertificate(ctx context.Context, user string, end time.Time) (cert, key []byte, err error) {
	first := e.lab.info.nodes()[0]
	caCert, err := e.lab.exec(ctx, first, "cat", "/etc/kubernetes/pki/ca.crt")
	if err != nil {
		return nil, nil, err
	}
	caKey, err := e.lab.exec(ctx, first, "cat", "/etc/kubernetes/pki/ca.key")
	if err != nil {
		return nil, nil, err
	}
	pair, err := tls.X509KeyPair([]byte(caCert), []byte(caKey))
	if err != nil {
		return nil, nil, fmt.Errorf("read the cluster's authority: %w", err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(end.UnixNano()),
		Subject:      pkix.Name{CommonName: user, Organization: []string{"system:masters"}},
		NotBefore:    end.Add(-24 * time.Hour),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, pair.Leaf, own.Public(), pair.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}
	ownDER, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ownDER}), nil
}
