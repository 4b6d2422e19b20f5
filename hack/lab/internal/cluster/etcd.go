package cluster

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

const (
	etcdData = "/var/lib/etcd"
	etcdUser = "etcd"
)

// EtcdEndpoints are where the members of an etcd that kubeadm does not run serve their clients.
func (s *State) EtcdEndpoints() []string {
	var out []string
	for _, n := range s.Nodes {
		if s.hasEtcd(n) {
			out = append(out, s.etcdURL(n.IP, 2379))
		}
	}
	return out
}

// hasEtcd says whether the lab runs a member on the node.
func (s *State) hasEtcd(n Node) bool {
	return s.Topology.Etcd.External() && n.Role == topology.ControlPlane
}

func (s *State) etcdURL(host string, port int) string {
	scheme := "http"
	if s.Topology.Etcd.TLS {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s:%d", scheme, host, port)
}

// startEtcd installs etcd on a node by hand, as its documentation tells a person to, and starts it. It does not wait: a member serves
// once there is a quorum.
func (s *State) startEtcd(ctx context.Context, n Node, a *build.Assets, log *progress.Log) error {
	file := s.logFile(n.Name)
	for name, from := range a.Etcd {
		if err := docker.Do(ctx, file, "cp", from, n.Container+":"+path.Join("/usr/local/bin", name)); err != nil {
			return err
		}
	}
	commands := [][]string{{"install", "-d", "-m", "0700", etcdData}}
	if s.Topology.Etcd.Run == topology.EtcdService {
		commands = [][]string{
			{"useradd", "--system", "--user-group", "--home-dir", etcdData, "--no-create-home", "--shell", "/usr/sbin/nologin", etcdUser},
			{"install", "-d", "-m", "0700", "-o", etcdUser, "-g", etcdUser, etcdData},
			{"chown", "-R", etcdUser + ":" + etcdUser, "/" + etcdFolder},
			{"systemctl", "daemon-reload"},
			{"systemctl", "enable", "--now", "--no-block", "etcd"},
		}
	}
	for _, args := range commands {
		if _, err := docker.Exec(ctx, file, n.Container, args...); err != nil {
			return err
		}
	}
	if s.Topology.Etcd.Run == topology.EtcdProcess {
		if err := s.startEtcdProcess(ctx, n); err != nil {
			return err
		}
	}
	log.Say("%s: etcd %s started", n.Name, s.Topology.Etcd.Version)
	return nil
}

// startEtcdProcess does what the person does who keeps etcd running: nothing else starts it, not even at a boot.
func (s *State) startEtcdProcess(ctx context.Context, n Node) error {
	_, err := docker.Exec(ctx, s.logFile(n.Name), n.Container, "sh", "/"+etcdStart)
	return err
}

// awaitEtcd waits until every member is healthy, asked from a node.
func (s *State) awaitEtcd(ctx context.Context, n Node) error {
	curl := []string{"curl", "--silent", "--show-error", "--fail", "--max-time", "5"}
	if s.Topology.Etcd.TLS {
		curl = append(curl, "--cacert", etcdClientCA, "--cert", etcdClientCert, "--key", etcdClientKey)
	}
	for _, url := range s.EtcdEndpoints() {
		err := waitFor(ctx, 2*time.Minute, "etcd at "+url, func() error {
			_, err := docker.Exec(ctx, "", n.Container, append(curl[:len(curl):len(curl)], url+"/health")...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
