package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
)

// Info is what tests read about a cluster.
type Info struct {
	Name         string       `json:"name"`
	Topology     string       `json:"topology"`
	Subnet       string       `json:"subnet"`
	Kubernetes   string       `json:"kubernetes"`
	Offers       []string     `json:"offers"`
	Endpoint     string       `json:"endpoint"`
	Kubeconfig   string       `json:"kubeconfig"`
	Etcd         InfoEtcd     `json:"etcd"`
	Nodes        []InfoNode   `json:"nodes"`
	Infra        Machine      `json:"infra"`
	LoadBalancer *Machine     `json:"loadBalancer,omitempty"`
	Registry     InfoRegistry `json:"registry"`
	Stopped      []string     `json:"stopped"` // containers that run no longer
}

// InfoNode is a node in Info.
type InfoNode struct {
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	IP        string   `json:"ip"`
	Container string   `json:"container"`
	AptStyle  string   `json:"aptStyle"`
	AptFile   string   `json:"aptFile"`
	Hold      []string `json:"hold"`
}

// InfoEtcd says how etcd runs. Where that is not stacked, it can be asked from this machine; stacked etcd has its keys on its nodes only.
type InfoEtcd struct {
	Run string `json:"run"`
	// Version is empty where kubeadm has picked it.
	Version string `json:"version,omitempty"`
	// Images are the further versions that the registry has, in the order of the topology.
	Images    []string `json:"images,omitempty"`
	Endpoints []string `json:"endpoints,omitempty"`
	CAFile    string   `json:"caFile,omitempty"`
	CertFile  string   `json:"certFile,omitempty"`
	KeyFile   string   `json:"keyFile,omitempty"`
}

func (s *State) infoEtcd() InfoEtcd {
	e := s.Topology.Etcd
	i := InfoEtcd{Run: e.Run, Version: e.Version, Images: e.Images, Endpoints: s.EtcdEndpoints()}
	if e.TLS {
		i.CAFile, i.CertFile, i.KeyFile = s.etcdAccess("ca.crt"), s.etcdAccess("client.crt"), s.etcdAccess("client.key")
	}
	return i
}

// InfoRegistry says where images are pushed from this machine, and under which name nodes pull them.
type InfoRegistry struct {
	Push string `json:"push"`
	Pull string `json:"pull"`
}

// Info describes the cluster.
func (s *State) Info(ctx context.Context) (Info, error) {
	stopped, err := docker.Exited(ctx, s.Name)
	if err != nil {
		return Info{}, fmt.Errorf("describe cluster %s: %w", s.Name, err)
	}
	i := Info{Name: s.Name, Topology: s.Topology.Name, Subnet: s.Subnet, Kubernetes: s.Topology.Kubernetes, Offers: s.Topology.UpgradeTo, Endpoint: s.Endpoint(),
		Kubeconfig: s.Kubeconfig(), Infra: s.Infra, LoadBalancer: s.LoadBalancer, Registry: InfoRegistry{fmt.Sprintf("127.0.0.1:%d", s.RegistryPort), RegistryHost}, Stopped: stopped,
		Etcd: s.infoEtcd()}
	for _, n := range s.Nodes {
		i.Nodes = append(i.Nodes, InfoNode{n.Name, n.Role, n.IP, n.Container, n.AptStyle, "/etc/apt/sources.list.d/" + n.AptFile, n.Hold})
	}
	return i, nil
}

// WriteJSON prints the description for programs.
func (i Info) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(i)
}

// WriteText prints the description for people.
func (i Info) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "cluster\t%s (topology %s, %s)\nkubernetes\t%s, offers %v\nendpoint\t%s\nkubeconfig\t%s\nregistry\tpush to %s, pull from %s\ninfra\t%s %s\n",
		i.Name, i.Topology, i.Subnet, i.Kubernetes, i.Offers, i.Endpoint, i.Kubeconfig, i.Registry.Push, i.Registry.Pull, i.Infra.IP, i.Infra.Container)
	fmt.Fprintf(t, "etcd\t%s\n", strings.Join(append([]string{i.Etcd.Run, i.Etcd.Version}, i.Etcd.Endpoints...), " "))
	for _, n := range i.Nodes {
		fmt.Fprintf(t, "%s\t%s %s %s %s\n", n.Name, n.IP, n.Role, n.Container, n.AptFile)
	}
	if len(i.Stopped) > 0 {
		fmt.Fprintf(t, "stopped\t%s\n", strings.Join(i.Stopped, " "))
	}
	return t.Flush()
}
