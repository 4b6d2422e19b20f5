package action

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const (
	etcdManifest = manifestDir + "/etcd.yaml"
	etcdPKI      = "/etc/kubernetes/pki/etcd/"
	// probeKey need not exist: a read of nothing needs the quorum as well.
	probeKey = "health"
)

// etcd asks the local member for a linearizable read and every member for its status; nothing when no etcd runs here.
func etcd(ctx context.Context) ([]hostaction.EtcdMember, error) {
	args, err := manifestArgs(etcdManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	conf, err := etcdTLS()
	if err != nil {
		return nil, err
	}
	// In 1.12 and before kubeadm's etcd listened on 127.0.0.1 alone and said so nowhere else.
	local := strings.Split(cmp.Or(args["listen-client-urls"], args["advertise-client-urls"], "https://127.0.0.1:2379"), ",")
	c, err := etcdClient(local, conf)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	readCtx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if _, err := c.Get(readCtx, probeKey); err != nil {
		err = fmt.Errorf("read from etcd at %s: %w", strings.Join(local, ","), err)
		members, _ := etcdMembers(ctx, c, conf)
		return members, err
	}
	return etcdMembers(ctx, c, conf)
}

func etcdMembers(ctx context.Context, c *clientv3.Client, conf *tls.Config) ([]hostaction.EtcdMember, error) {
	listCtx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	// Not linearizable, so that the members are known also when the quorum is lost.
	list, err := c.MemberList(listCtx, clientv3.WithSerializable())
	if err != nil {
		return nil, fmt.Errorf("list etcd members: %w", err)
	}
	var out []hostaction.EtcdMember
	for _, m := range list.Members {
		e := hostaction.EtcdMember{Name: m.Name, ID: fmt.Sprintf("%x", m.ID), Learner: m.IsLearner}
		if len(m.ClientURLs) == 0 {
			e.Error = "it was added but never started"
			out = append(out, e)
			continue
		}
		e.Endpoint = m.ClientURLs[0]
		e.Version, e.Leader, err = memberStatus(ctx, e.Endpoint, m.ID, conf)
		e.Error = word(err)
		out = append(out, e)
	}
	return out, nil
}

func memberStatus(ctx context.Context, endpoint string, id uint64, conf *tls.Config) (ver string, leader bool, err error) {
	c, err := etcdClient([]string{endpoint}, conf)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	s, err := c.Status(ctx, endpoint)
	if err != nil {
		return "", false, fmt.Errorf("ask etcd member at %s: %w", endpoint, err)
	}
	if len(s.Errors) > 0 {
		err = fmt.Errorf("ask etcd member at %s: %s", endpoint, strings.Join(s.Errors, "; "))
	}
	return s.Version, s.Leader == id, err
}

func etcdClient(endpoints []string, conf *tls.Config) (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: conf, DialTimeout: probeTime, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd at %s: %w", strings.Join(endpoints, ","), err)
	}
	return c, nil
}

// etcdTLS takes the certificate that kubeadm makes for the liveness probe of etcd.
func etcdTLS() (*tls.Config, error) {
	ca, err := os.ReadFile(etcdPKI + "ca.crt")
	if err != nil {
		return nil, fmt.Errorf("read etcd CA: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	cert, err := tls.LoadX509KeyPair(etcdPKI+"healthcheck-client.crt", etcdPKI+"healthcheck-client.key")
	if err != nil {
		return nil, fmt.Errorf("read etcd client certificate: %w", err)
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}
