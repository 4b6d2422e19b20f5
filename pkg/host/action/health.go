package action

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// probeTime bounds one question to an apiserver or an etcd member.
const probeTime = 5 * time.Second

func controlPlaneHealth(ctx context.Context, _ hostaction.ControlPlaneHealth, env Env) (any, error) {
	h := hostaction.Health{APIServer: word(apiServer(ctx))}
	members, err := etcd(ctx)
	h.Etcd, h.Members = word(err), members
	fmt.Fprintf(env.Log, "apiserver: %s\netcd: %s, %d members\n", orOK(h.APIServer), orOK(h.Etcd), len(h.Members))
	return h, nil
}

func word(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func orOK(s string) string {
	if s == "" {
		return "ok"
	}
	return s
}

// apiServer asks the local apiserver, not the load balancer, with the credentials that the host has anyway.
func apiServer(ctx context.Context) error {
	args, err := staticpod.Args(staticpod.Server)
	if err != nil {
		return err
	}
	conf, err := clientTLS()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+staticpod.ServerAddress(args)+"/readyz?verbose", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err == nil && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusForbidden) {
		// /readyz came with 1.16. Servers before it have no role that lets a node ask, and say so instead.
		resp.Body.Close()
		req.URL.Path, req.URL.RawQuery = "/healthz", ""
		resp, err = client.Do(req)
	}
	if err != nil {
		return fmt.Errorf("ask apiserver: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("ask apiserver: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask apiserver: %s: %s", resp.Status, failing(string(body)))
	}
	return nil
}

// failing keeps the checks that are not ok: "[-]etcd failed: reason withheld".
func failing(body string) string {
	var bad []string
	for l := range strings.Lines(body) {
		if strings.HasPrefix(l, "[-]") {
			bad = append(bad, strings.TrimSpace(l))
		}
	}
	if len(bad) == 0 {
		return strings.TrimSpace(body)
	}
	return strings.Join(bad, "; ")
}

// clientTLS takes the kubelet's certificate, which every authenticated user's right to /readyz suffices for (system:public-info-viewer),
// and which is renewed on its own.
func clientTLS() (*tls.Config, error) {
	ca, err := os.ReadFile("/etc/kubernetes/pki/ca.crt")
	if err != nil {
		return nil, fmt.Errorf("read cluster CA: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	cert, err := kubeconfigCert("/etc/kubernetes/kubelet.conf")
	if err != nil {
		if cert, err = kubeconfigCert("/etc/kubernetes/admin.conf"); err != nil {
			return nil, err
		}
	}
	// The certificate of the apiserver need not name 127.0.0.1; it always names this service.
	// https://kubernetes.io/docs/setup/best-practices/certificates/
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, ServerName: "kubernetes.default.svc", MinVersion: tls.VersionTLS12}, nil
}

// kubeconfigCert reads the client certificate of the first user, given by file or within.
func kubeconfigCert(path string) (tls.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read client certificate: %w", err)
	}
	c := struct {
		Users []struct {
			User struct {
				Cert     string `json:"client-certificate"`
				Key      string `json:"client-key"`
				CertData string `json:"client-certificate-data"`
				KeyData  string `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}{}
	if err := yaml.Unmarshal(b, &c); err != nil {
		return tls.Certificate{}, fmt.Errorf("read client certificate of %s: %w", path, err)
	}
	if len(c.Users) == 0 {
		return tls.Certificate{}, fmt.Errorf("read client certificate of %s: no user in it", path)
	}
	u := c.Users[0].User
	if u.Cert != "" {
		return tls.LoadX509KeyPair(u.Cert, u.Key)
	}
	cert, err := base64.StdEncoding.DecodeString(u.CertData)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read client certificate of %s: %w", path, err)
	}
	key, err := base64.StdEncoding.DecodeString(u.KeyData)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read client key of %s: %w", path, err)
	}
	return tls.X509KeyPair(cert, key)
}
