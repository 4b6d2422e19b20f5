// Package topology reads the description of a lab cluster. It is pure: bytes in, a checked value out.
package topology

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"
)

// Roles of a node.
const (
	ControlPlane = "control-plane"
	Worker       = "worker"
)

// Ways to write an apt source.
const (
	AptList   = "list"
	AptDeb822 = "deb822"
)

// Topology is one cluster, as data.
type Topology struct {
	Name          string   `json:"name"`
	Kubernetes    string   `json:"kubernetes"`
	UpgradeTo     []string `json:"upgradeTo"`
	Etcd          Etcd     `json:"etcd"`
	Subnet        string   `json:"subnet"`
	PodSubnet     string   `json:"podSubnet"`
	ServiceSubnet string   `json:"serviceSubnet"`
	LoadBalancer  bool     `json:"loadBalancer,omitempty"`
	// APIServerArgs are flags of kube-apiserver beyond those of every cluster of the lab.
	APIServerArgs map[string]string `json:"apiServerArgs,omitempty"`
	Nodes         []Node            `json:"nodes"`
}

// Node is one machine of the cluster.
type Node struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	AptStyle string   `json:"aptStyle"`
	AptFile  string   `json:"aptFile"`
	Hold     []string `json:"hold"`
}

var nodeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// Parse reads and checks a topology.
func Parse(data []byte) (*Topology, error) {
	t := &Topology{}
	if err := yaml.UnmarshalStrict(data, t); err != nil {
		return nil, fmt.Errorf("parse topology: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("check topology %q: %w", t.Name, err)
	}
	return t, nil
}

func (t *Topology) check() error {
	if !nodeName.MatchString(t.Name) {
		return fmt.Errorf("name %q is not a lower-case DNS label", t.Name)
	}
	for _, v := range t.Versions() {
		if !semver.IsValid(v) || strings.Count(v, ".") != 2 {
			return fmt.Errorf("version %q is not of the form v1.2.3", v)
		}
	}
	if err := t.Etcd.check(); err != nil {
		return err
	}
	if err := checkFlags("apiServerArgs", t.APIServerArgs); err != nil {
		return err
	}
	for what, s := range map[string]string{"subnet": t.Subnet, "podSubnet": t.PodSubnet, "serviceSubnet": t.ServiceSubnet} {
		if _, err := netip.ParsePrefix(s); err != nil {
			return fmt.Errorf("parse %s: %w", what, err)
		}
	}
	return t.checkNodes()
}

func (t *Topology) checkNodes() error {
	seen := map[string]bool{}
	for _, n := range t.Nodes {
		switch {
		case !nodeName.MatchString(n.Name):
			return fmt.Errorf("node name %q is not a lower-case DNS label", n.Name)
		case seen[n.Name]:
			return fmt.Errorf("node %q is named twice", n.Name)
		case n.Name == "infra" || n.Name == "lb":
			return fmt.Errorf("node name %q is taken by the lab itself", n.Name)
		case n.Role != ControlPlane && n.Role != Worker:
			return fmt.Errorf("node %s: role %q is neither %s nor %s", n.Name, n.Role, ControlPlane, Worker)
		case n.AptStyle != AptList && n.AptStyle != AptDeb822:
			return fmt.Errorf("node %s: aptStyle %q is neither %s nor %s", n.Name, n.AptStyle, AptList, AptDeb822)
		case n.AptStyle == AptList && !strings.HasSuffix(n.AptFile, ".list"),
			n.AptStyle == AptDeb822 && !strings.HasSuffix(n.AptFile, ".sources"):
			return fmt.Errorf("node %s: apt reads no %s source from a file named %q", n.Name, n.AptStyle, n.AptFile)
		}
		seen[n.Name] = true
	}
	cps := len(t.ControlPlanes())
	if cps == 0 {
		return fmt.Errorf("no node has the role %s", ControlPlane)
	}
	if cps > 1 && !t.LoadBalancer {
		return fmt.Errorf("%d control-plane nodes need loadBalancer: true", cps)
	}
	if t.Nodes[0].Role != ControlPlane {
		return fmt.Errorf("the first node has to be a control-plane node, it runs kubeadm init")
	}
	return nil
}

// Versions lists the installed version and the offered ones.
func (t *Topology) Versions() []string {
	return append([]string{t.Kubernetes}, t.UpgradeTo...)
}

// ControlPlanes lists the control-plane nodes in file order.
func (t *Topology) ControlPlanes() []Node { return t.withRole(ControlPlane) }

// Workers lists the worker nodes in file order.
func (t *Topology) Workers() []Node { return t.withRole(Worker) }

func (t *Topology) withRole(role string) []Node {
	var out []Node
	for _, n := range t.Nodes {
		if n.Role == role {
			out = append(out, n)
		}
	}
	return out
}

// Minor cuts v1.33.13 down to v1.33.
func Minor(version string) string { return semver.MajorMinor(version) }
