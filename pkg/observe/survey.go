package observe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// surveyed is what nodes, pods and volumes tell, which are read for a plan anyway.
func surveyed(nodes []corev1.Node, pods map[string][]corev1.Pod, claimed map[string]string) *cluster.Survey {
	return &cluster.Survey{Components: components(pods), Workloads: workloads(pods, claimed), Nodes: looks(nodes, pods)}
}

// survey is one look at what releases may break.
type survey struct {
	client *kube.Client
	*cluster.Survey
	// asked are the services whose endpoints were counted: hundreds of definitions may name the same one.
	asked map[string]endpoints
}

// part is one thing to look at.
type part struct {
	what string
	do   func(context.Context) error
	// needed is set for what plans are made of: an API server that restarts must not make one that leaves something out.
	needed bool
}

// Survey looks at everything that a release up to the given one may break, and adds it to what ForPlan has read. What the operator may not
// read, or what does not answer, is noted: it does not fail.
func Survey(ctx context.Context, c *kube.Client, in *cluster.Cluster, upTo version.Version) error {
	s := &survey{client: c, Survey: in.Survey}
	return s.all(ctx, []part{
		{"the APIs that are served", s.apis, false},
		{"the API servers one by one", s.servers, false},
		{"objects of APIs that end", func(ctx context.Context) error { return s.stored(ctx, upTo) }, false},
		{"releases of Helm", func(ctx context.Context) error { return s.helm(ctx, upTo) }, false},
		{"definitions of custom resources", s.crds, false},
		{"webhooks", s.webhooks, false},
		{"API services", s.apiServices, false},
		{"kubeadm's configuration of the components", func(ctx context.Context) error { return s.configs(ctx, in.Kubeadm.KubernetesVersion) }, true},
		{"the cluster's DNS", s.dns, false},
		{"the clocks of the nodes", s.clocks, false},
		{"the API server's health", s.health, false},
	})
}

// SurveyForEtcd looks at what stands in the way of an upgrade of etcd.
func SurveyForEtcd(ctx context.Context, c *kube.Client, in *cluster.Cluster) error {
	in.Survey = &cluster.Survey{}
	for _, n := range in.Nodes {
		in.Survey.Nodes = append(in.Survey.Nodes, cluster.NodeLook{Name: n.Name})
	}
	s := &survey{client: c, Survey: in.Survey}
	return s.all(ctx, []part{{"the API servers one by one", s.servers, false}, {"webhooks", s.webhooks, false}, {"the clocks of the nodes", s.clocks, false}})
}

func (s *survey) all(ctx context.Context, parts []part) error {
	s.ClientExpiry = clientExpiry(s.client.Config)
	var err error
	if s.Time, err = s.client.Now(ctx); err != nil {
		return err
	}
	for _, p := range parts {
		if err := p.do(ctx); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("look at %s: %w", p.what, context.Cause(ctx))
			}
			if p.needed && kube.IsRetryable(err) {
				return fmt.Errorf("look at %s: %w", p.what, err)
			}
			s.Unread = append(s.Unread, cluster.Unread{What: p.what, Cause: err.Error()})
		}
	}
	return nil
}

// clientExpiry is when the operator's own certificate ends.
func clientExpiry(config *rest.Config) time.Time {
	c := rest.CopyConfig(config)
	if rest.LoadTLSFiles(c) != nil || len(c.CertData) == 0 {
		return time.Time{}
	}
	pair, err := tls.X509KeyPair(c.CertData, c.KeyData)
	if err != nil || len(pair.Certificate) == 0 {
		return time.Time{}
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return time.Time{}
	}
	return leaf.NotAfter
}

// configs reads what kubeadm makes the components' configuration of at every upgrade.
func (s *survey) configs(ctx context.Context, now version.Version) error {
	var errs []error
	// Up to 1.23 the kubelets' has the minor in its name; both are there for a while (KEP-2915).
	for _, c := range []struct{ name, key string }{
		{"kubeadm-config", "ClusterConfiguration"},
		{"kubelet-config", "kubelet"},
		{"kubelet-config-" + now.MinorString(), "kubelet"},
		{"kube-proxy", "config.conf"},
		{"coredns", "Corefile"},
	} {
		cm, err := s.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, c.name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			errs = append(errs, fmt.Errorf("get ConfigMap kube-system/%s: %w", c.name, err))
			if c.key == "kubelet" { // which is not to be taken for one that is missing
				s.Configs = append(s.Configs, cluster.Config{ConfigMap: c.name, Key: c.key})
			}
		case cm.Data[c.key] != "":
			s.Configs = append(s.Configs, cluster.Config{ConfigMap: c.name, Key: c.key, Text: cm.Data[c.key]})
		}
	}
	return errors.Join(errs...)
}

func (s *survey) dns(ctx context.Context) error {
	// kubeadm calls the service so whatever serves it.
	const name = "kube-dns"
	if _, err := s.client.CoreV1().Services(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{}); err != nil {
		if apierrors.IsNotFound(err) {
			return nil // a cluster without is somebody's decision
		}
		return fmt.Errorf("get Service kube-system/%s: %w", name, err)
	}
	ready, _, err := s.ready(ctx, metav1.NamespaceSystem, name)
	if err != nil {
		return err
	}
	s.Services = append(s.Services, cluster.Service{Name: metav1.NamespaceSystem + "/" + name, Ready: ready})
	return nil
}
