// Package cluster brings lab clusters up and takes them down.
package cluster

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sort"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/subnet"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// State is what the lab remembers of a cluster.
type State struct {
	Name         string             `json:"name"`
	Topology     *topology.Topology `json:"topology"`
	Subnet       string             `json:"subnet"`
	Infra        Machine            `json:"infra"`
	LoadBalancer *Machine           `json:"loadBalancer,omitempty"`
	Nodes        []Node             `json:"nodes"`
	RegistryPort int                `json:"registryPort"`
	Image        string             `json:"image"`

	dir     string
	etcdPKI *etcdPKI
}

// Machine is a container with an address.
type Machine struct {
	IP        string `json:"ip"`
	Container string `json:"container"`
}

// Node is a machine of the cluster.
type Node struct {
	Machine
	topology.Node
	PodRange string `json:"podRange"`
}

// NewState lays a topology out under a name and within a subnet.
func NewState(root, name string, t *topology.Topology, p netip.Prefix) (*State, error) {
	s := &State{Name: name, Topology: t, Subnet: p.String(), dir: filepath.Join(root, name)}
	s.Infra = Machine{subnet.Host(p, 10).String(), name + "-infra"}
	if t.LoadBalancer {
		s.LoadBalancer = &Machine{subnet.Host(p, 5).String(), name + "-lb"}
	}
	pods, err := netip.ParsePrefix(t.PodSubnet)
	if err != nil {
		return nil, fmt.Errorf("parse pod subnet: %w", err)
	}
	for i, n := range t.Nodes {
		r, err := subnet.PodRange(pods, i+1)
		if err != nil {
			return nil, err
		}
		s.Nodes = append(s.Nodes, Node{Machine{subnet.Host(p, 11+i).String(), name + "-" + n.Name}, n, r.String()})
	}
	return s, nil
}

// Dir is the cluster's folder.
func (s *State) Dir() string { return s.dir }

// Kubeconfig is the path of the administrator's kubeconfig.
func (s *State) Kubeconfig() string { return filepath.Join(s.dir, "kubeconfig") }

// First is the node that runs kubeadm init.
func (s *State) First() Node { return s.Nodes[0] }

// Endpoint is where clients find the API.
func (s *State) Endpoint() string {
	if s.LoadBalancer != nil {
		return s.LoadBalancer.IP + ":6443"
	}
	return s.First().IP + ":6443"
}

// Node finds a node by name.
func (s *State) Node(name string) (Node, error) {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return Node{}, fmt.Errorf("find node %q: cluster %s has none", name, s.Name)
}

func (s *State) logFile(name string) string { return filepath.Join(s.dir, "logs", name+".log") }

// Save writes the state.
func (s *State) Save() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("create state folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "cluster.json"), data, 0o644); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// Load reads the state of a cluster.
func Load(root, name string) (*State, error) {
	data, err := os.ReadFile(filepath.Join(root, name, "cluster.json"))
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("find cluster %q: there is none (lab list shows all)", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	s := &State{dir: filepath.Join(root, name)}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("decode state of %s: %w", name, err)
	}
	return s, nil
}

// List names all clusters.
func List(root string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(root, "*", "cluster.json"))
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	var names []string
	for _, f := range found {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	sort.Strings(names)
	return names, nil
}
