package cluster

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// kubeadmFile is where a node keeps the configuration it was made with.
const kubeadmFile = "etc/lab/kubeadm.yaml"

func newSecrets() (*secrets, error) {
	b := make([]byte, 43)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("draw secrets: %w", err)
	}
	h := hex.EncodeToString(b)
	return &secrets{Token: h[:6] + "." + h[6:22], CertificateKey: h[22:86]}, nil
}

// initialise runs kubeadm init and takes from the node what the others and the administrator need.
func (s *State) initialise(ctx context.Context, n Node, a *build.Assets, k *secrets, log *progress.Log) error {
	config, err := s.initConfig(*k)
	if err != nil {
		return fmt.Errorf("render kubeadm configuration: %w", err)
	}
	if err := put(ctx, s.logFile(n.Name), n.Container, map[string]string{kubeadmFile: config}); err != nil {
		return err
	}
	log.Say("%s: kubeadm init %s", n.Name, s.Topology.Kubernetes)
	args := []string{"kubeadm", "init", "--config", "/" + kubeadmFile}
	args = append(args, s.ignoredPreflight()...)
	if s.LoadBalancer != nil && !s.old() {
		args = append(args, "--upload-certs")
	}
	if _, err := docker.Exec(ctx, s.logFile(n.Name+"-kubeadm"), n.Container, args...); err != nil {
		return err
	}
	ca, err := docker.Exec(ctx, "", n.Container, "cat", "/etc/kubernetes/pki/ca.crt")
	if err != nil {
		return err
	}
	if k.CAHash, err = caHash([]byte(ca)); err != nil {
		return err
	}
	admin, err := docker.Exec(ctx, "", n.Container, "cat", "/etc/kubernetes/admin.conf")
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.Kubeconfig(), []byte(admin), 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	if s.old() {
		if err := s.mendCorefile(ctx, a); err != nil {
			return fmt.Errorf("mend Corefile: %w", err)
		}
	}
	log.Say("%s: control plane runs", n.Name)
	return nil
}

func (s *State) join(ctx context.Context, n Node, k *secrets, log *progress.Log) error {
	config, err := s.joinConfig(n, *k)
	if err != nil {
		return fmt.Errorf("render kubeadm configuration: %w", err)
	}
	if err := put(ctx, s.logFile(n.Name), n.Container, map[string]string{kubeadmFile: config}); err != nil {
		return err
	}
	if s.old() && n.Role == topology.ControlPlane {
		if err := s.shareKeys(ctx, n); err != nil {
			return fmt.Errorf("share keys with %s: %w", n.Name, err)
		}
	}
	args := append([]string{"kubeadm", "join", "--config", "/" + kubeadmFile}, s.ignoredPreflight()...)
	if _, err := docker.Exec(ctx, s.logFile(n.Name+"-kubeadm"), n.Container, args...); err != nil {
		return fmt.Errorf("join node %s: %w", n.Name, err)
	}
	log.Say("%s: joined", n.Name)
	return nil
}

// caHash is the fingerprint by which a joining node knows the cluster's authority.
func caHash(cert []byte) (string, error) {
	block, _ := pem.Decode(cert)
	if block == nil {
		return "", errors.New("read cluster authority: no certificate in ca.crt")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("read cluster authority: %w", err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(c.RawSubjectPublicKeyInfo)), nil
}

// settle waits until the cluster does what a cluster is for: nodes are ready, and names are resolved.
func (s *State) settle(ctx context.Context, a *build.Assets, log *progress.Log) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	ready := []string{"wait", "--for=condition=Ready", "--timeout=200s"}
	for _, n := range s.Nodes {
		ready = append(ready, "node/"+n.Name)
	}
	steps := [][]string{ready, {"-n", "kube-system", "rollout", "status", "daemonset/kube-proxy"}}
	switch {
	case s.old():
		// kubectl of that time restarts no deployment; this gives the pods their mended configuration as well.
		steps = append(steps, []string{"-n", "kube-system", "delete", "pods", "--selector=k8s-app=kube-dns"})
	case len(s.Nodes) > 1:
		// Both replicas were placed while there was but one node; a test that drains it should not lose all names.
		steps = append(steps, []string{"-n", "kube-system", "rollout", "restart", "deployment/coredns"})
	}
	steps = append(steps, []string{"-n", "kube-system", "rollout", "status", "deployment/coredns"})
	for _, args := range steps {
		if err := run.Do(ctx, run.Cmd{Args: append([]string{a.Kubectl(s.Topology.Kubernetes), "--kubeconfig", s.Kubeconfig()}, args...), Log: s.logFile("settle")}); err != nil {
			return err
		}
	}
	log.Say("cluster %s is ready: %d nodes, %s", s.Name, len(s.Nodes), s.Topology.Kubernetes)
	return nil
}
