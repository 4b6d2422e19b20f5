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
	"strconv"
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

// localEtcd is the member on this host and how to talk to it and to the others.
type localEtcd struct {
	*clientv3.Client
	tls *tls.Config
}

// connectEtcd gives nil when no etcd runs here.
func connectEtcd() (*localEtcd, error) {
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
	urls := strings.Split(cmp.Or(args["listen-client-urls"], args["advertise-client-urls"], "https://127.0.0.1:2379"), ",")
	c, err := etcdClient(urls, conf)
	if err != nil {
		return nil, err
	}
	return &localEtcd{c, conf}, nil
}

// etcd asks the local member for a linearizable read and every member for its status; nothing when no etcd runs here.
func etcd(ctx context.Context) ([]hostaction.EtcdMember, error) {
	e, err := connectEtcd()
	if err != nil || e == nil {
		return nil, err
	}
	defer e.Close()
	readCtx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if _, err := e.Get(readCtx, probeKey); err != nil {
		err = fmt.Errorf("read from etcd at %s: %w", strings.Join(e.Endpoints(), ","), err)
		members, _ := e.members(ctx)
		return members, err
	}
	return e.members(ctx)
}

func (e *localEtcd) members(ctx context.Context) ([]hostaction.EtcdMember, error) {
	listCtx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	// Not linearizable, so that the members are known also when the quorum is lost.
	list, err := e.MemberList(listCtx, clientv3.WithSerializable())
	if err != nil {
		return nil, fmt.Errorf("list etcd members: %w", err)
	}
	var out []hostaction.EtcdMember
	for _, m := range list.Members {
		member := hostaction.EtcdMember{Name: m.Name, ID: memberID(m.ID), Learner: m.IsLearner, Local: m.ID == list.Header.MemberId}
		if len(m.ClientURLs) == 0 {
			member.Error = "it was added but never started"
			out = append(out, member)
			continue
		}
		member.Endpoint = m.ClientURLs[0]
		member.Version, member.Leader, err = memberStatus(ctx, member.Endpoint, m.ID, e.tls)
		member.Error = word(err)
		out = append(out, member)
	}
	return out, nil
}

// memberID writes an ID as etcdctl does.
func memberID(id uint64) string { return strconv.FormatUint(id, 16) }

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
