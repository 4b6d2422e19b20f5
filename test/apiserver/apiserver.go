// Package apiserver runs a real API server with its etcd for tests, from the binaries that the lab has built.
package apiserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/loopback"
)

// token is that of a user who may do everything.
const token = "test"

// startTime is how long the server may take: the machine may be busy with a whole cluster.
const startTime = 2 * time.Minute

// Start gives the way to an API server that lives as long as the test, with further flags if there are any. The test is skipped where the lab
// was never built, but not in CI.
func Start(tb testing.TB, flags ...string) *rest.Config {
	tb.Helper()
	etcd, server := Binary(tb, "etcd", "server"), Binary(tb, "kubernetes", "kube-apiserver")
	dir := tb.TempDir()
	free, err := loopback.Free(tb.Context(), 3)
	if err != nil {
		tb.Fatal(err)
	}
	client, peer, port := free[0], free[1], free[2]
	run(tb, dir, etcd, "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://"+client, "--advertise-client-urls=http://"+client,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)
	key := serviceAccountKey(tb, dir)
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(token+",admin,admin,system:masters\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	host, number, err := net.SplitHostPort(port)
	if err != nil {
		tb.Fatal(err)
	}
	run(tb, dir, server, append(flags, "--etcd-servers=http://"+client, "--bind-address="+host, "--secure-port="+number, "--cert-dir="+filepath.Join(dir, "pki"),
		"--authorization-mode=RBAC", "--token-auth-file="+tokens, "--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://test.invalid", "--service-account-key-file="+key, "--service-account-signing-key-file="+key)...)
	config := &rest.Config{Host: "https://" + port, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	await(tb, config, filepath.Join(dir, "kube-apiserver.log"))
	return config
}

// Binary finds the newest build of a program in the lab's cache.
func Binary(tb testing.TB, what, name string) string {
	tb.Helper()
	cache := os.Getenv("LAB_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			unable(tb, fmt.Sprintf("no cache of the lab: %v", err))
		}
		cache = filepath.Join(base, "kubectl-upgrade-lab")
	}
	found, err := filepath.Glob(filepath.Join(cache, "bin", what, "v*", name))
	if err != nil || len(found) == 0 {
		unable(tb, fmt.Sprintf("the lab has built no %s (make lab-build)", name))
	}
	return slices.Max(found)
}

// unable skips the test on a developer's machine. In CI, which builds the lab first, nothing may be skipped.
func unable(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

func run(tb testing.TB, dir, program string, args ...string) {
	tb.Helper()
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		log.Close()
	})
}

func serviceAccountKey(tb testing.TB, dir string) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, "service-account.key")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// await waits until the server has made the namespaces and the roles that every cluster has.
func await(tb testing.TB, config *rest.Config, log string) {
	tb.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), startTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := client.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/kube-system").DoRaw(ctx)
		if err == nil {
			_, err = client.CoreV1().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		}
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			text, readErr := os.ReadFile(log)
			tb.Fatal(fmt.Errorf("API server does not answer: %w: %s", errors.Join(err, readErr), text))
		case <-tick.C:
		}
	}
}
