package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// IsRetryable tells whether a request may succeed when it is sent again: the API server is away, restarting or busy.
func IsRetryable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var netErr net.Error
	switch {
	case apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return true
	case errors.As(err, &netErr) && netErr.Timeout():
		return true
	}
	// An API server whose etcd is away answers 500 with the cause in words only, and a load balancer may say 502 or 504.
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := int(status.Status().Code)
		return code == http.StatusBadGateway || code == http.StatusGatewayTimeout || code == http.StatusInternalServerError
	}
	// The last is client-go's, which does not begin what would have to wait beyond the caller's time. Whether that is over is the caller's to see.
	for _, text := range []string{"http2: client connection lost", "connection refused", "would exceed context deadline"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// IsRetryableLater is IsRetryable for an operator whose rights were checked before: an API server that has just started
// refuses everybody until its authorizer has read the roles, with the same words as for somebody without rights.
func IsRetryableLater(err error) bool {
	return IsRetryable(err) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

// ExplainConnection puts the reason why a cluster cannot be reached in words that say what to do.
func ExplainConnection(config *rest.Config, err error) error {
	var certErr *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var dns *net.DNSError
	if expiry, subject, ok := clientCertificateExpiry(config); ok && time.Now().After(expiry) {
		return fmt.Errorf("connect to %s: the client certificate of %q expired at %s: renew it on a control-plane node with \"kubeadm certs renew admin.conf\" and fetch the file again",
			config.Host, subject, expiry.UTC().Format(time.RFC3339))
	}
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("connect to %s: the server's certificate expired at %s: renew it on the control-plane nodes with \"kubeadm certs renew all\"",
			config.Host, invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &authority), errors.As(err, &certErr):
		return fmt.Errorf("connect to %s: the server's certificate is not trusted by this kubeconfig: %s", config.Host, Brief(err))
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("connect to %s: the credentials of this kubeconfig are refused: %w", config.Host, err)
	case errors.As(err, &dns):
		return fmt.Errorf("connect to %s: the name does not resolve: %s", config.Host, Brief(err))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connect to %s: nothing listens there (connection refused): is this the right context, is the API server up?", config.Host)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &connectError{fmt.Sprintf("connect to %s: no answer within %s: is this the right context, are network and VPN up, does the load balancer reach an API server?", config.Host, requestTimeout), err}
	}
	return &connectError{fmt.Sprintf("connect to %s: %s", config.Host, Brief(err)), err}
}

// clientCertificateExpiry reads when the client certificate of a config ends.
func clientCertificateExpiry(config *rest.Config) (time.Time, string, bool) {
	c := rest.CopyConfig(config)
	if err := rest.LoadTLSFiles(c); err != nil || len(c.CertData) == 0 {
		return time.Time{}, "", false
	}
	pair, err := tls.X509KeyPair(c.CertData, c.KeyData)
	if err != nil || len(pair.Certificate) == 0 {
		return time.Time{}, "", false
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return time.Time{}, "", false
	}
	return leaf.NotAfter, leaf.Subject.CommonName, true
}

// connectError says more shortly what its cause says with the address once more.
type connectError struct {
	text string
	err  error
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.err }
