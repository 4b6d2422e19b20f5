// Package cluster describes an observed kubeadm cluster as plain values.
// It is what preflight judges and plan is computed from; it imports no client, no os and no clock.
package cluster

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Cluster is everything that was observed before planning.
type Cluster struct {
	// UID is the UID of the kube-system namespace: it tells clusters apart, whatever their address.
	UID     string `json:"uid"`
	Context string `json:"context,omitempty"`
	Server  string `json:"server"`
	// Version is what the API endpoint answered; with several apiservers, that of one of them.
	Version version.Version `json:"version"`
	Kubeadm KubeadmConfig   `json:"kubeadm"`
	Nodes   []Node          `json:"nodes"`
	// Leaders are the nodes whose replica of a component leads now.
	Leaders Leaders  `json:"leaders,omitzero"`
	Addons  []Addon  `json:"addons,omitempty"`
	Budgets []Budget `json:"budgets,omitempty"`
	// Etcd is nil when nobody asked for it.
	Etcd *Etcd `json:"etcd,omitempty"`
	// Survey is nil when nobody asked for it.
	Survey *Survey `json:"survey,omitempty"`
}

// KubeadmConfig is what kubeadm itself recorded in the kubeadm-config ConfigMap.
type KubeadmConfig struct {
	APIVersion           string          `json:"apiVersion"`
	KubernetesVersion    version.Version `json:"kubernetesVersion"`
	ImageRepository      string          `json:"imageRepository,omitempty"`
	ControlPlaneEndpoint string          `json:"controlPlaneEndpoint,omitempty"`
	// ExternalEtcd is set when kubeadm does not run etcd itself.
	ExternalEtcd bool `json:"externalEtcd,omitempty"`
	// EtcdImageRepository and EtcdImageTag are what kubeadm was told of the image of its own etcd; empty where it decides by itself.
	EtcdImageRepository string `json:"etcdImageRepository,omitempty"`
	EtcdImageTag        string `json:"etcdImageTag,omitempty"`
}

// Leaders names a node per component that elects a leader; empty where it is not known.
type Leaders struct {
	Etcd              string `json:"etcd,omitempty"`
	Scheduler         string `json:"scheduler,omitempty"`
	ControllerManager string `json:"controllerManager,omitempty"`
}

// Role is what a node is for.
type Role string

// The roles that kubeadm knows.
const (
	ControlPlane Role = "control-plane"
	Worker       Role = "worker"
)

// Node is one machine of the cluster.
type Node struct {
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Role       Role   `json:"role"`
	InternalIP string `json:"internalIP,omitempty"`
	// Addresses are all that the node has: addresses and names.
	Addresses     []string `json:"addresses,omitempty"`
	Ready         bool     `json:"ready"`
	NotReadyCause string   `json:"notReadyCause,omitempty"`
	Unschedulable bool     `json:"unschedulable,omitempty"`
	// CordonedByUs is set when the cordon carries our annotation, so that we may lift it.
	CordonedByUs bool `json:"cordonedByUs,omitempty"`
	// Marked is set when the node carries our taint for nodes that are still to be drained.
	Marked bool `json:"marked,omitempty"`
	// Tainted is set when pods that do not tolerate it are kept off the node, as off kubeadm's control-plane nodes.
	Tainted bool `json:"tainted,omitempty"`
	// Allocatable is what the node has for pods; Requested what those on it ask for.
	Allocatable      Resources       `json:"allocatable,omitzero"`
	Requested        Resources       `json:"requested,omitzero"`
	KubeletVersion   version.Version `json:"kubeletVersion"`
	ContainerRuntime string          `json:"containerRuntime,omitempty"`
	// StaticPods are the control-plane components that kubeadm runs on the node.
	StaticPods []StaticPod `json:"staticPods,omitempty"`
	// Pods are those that a drain would have to deal with.
	Pods []Pod `json:"pods,omitempty"`
	// Host is what the agent found on the machine; nil when it was not asked.
	Host *Host `json:"host,omitempty"`
}

// StaticPod is one control-plane component of a node.
type StaticPod struct {
	Component string `json:"component"`
	Image     string `json:"image"`
	// Version is the image's tag when the tag is a Kubernetes version.
	Version version.Version `json:"version"`
	Ready   bool            `json:"ready"`
	// EtcdServers are where an API server finds etcd.
	EtcdServers []string `json:"etcdServers,omitempty"`
}

// KubernetesComponents are the static pods whose image carries the Kubernetes version.
func KubernetesComponents() []string {
	return []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}
}

// OfKubernetes tells whether the image carries the Kubernetes version: etcd, and what others run as a part of the control plane, such as
// kube-vip or a cloud's controller manager, have versions of their own.
func (p StaticPod) OfKubernetes() bool { return slices.Contains(KubernetesComponents(), p.Component) }

// Pod is one pod in the way of a drain.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Controller is the kind of the owner; empty for a bare pod, which nothing starts again.
	Controller string `json:"controller,omitempty"`
	EmptyDir   bool   `json:"emptyDir,omitempty"`
	// Budgets are the PodDisruptionBudgets of its namespace that select it.
	Budgets  []string  `json:"budgets,omitempty"`
	Requests Resources `json:"requests,omitzero"`
	// Stuck says why the pod can run on no other node; empty when it can.
	Stuck string `json:"stuck,omitempty"`
	// Only are the nodes, in order, to which its node selector, required affinity or volumes confine it, its own among them; nil where they say nothing.
	Only []string `json:"-"`
}

// Resources are CPU in thousandths of a core, memory in bytes, and a number of pods.
type Resources struct {
	CPU    int64 `json:"cpu,omitempty"`
	Memory int64 `json:"memory,omitempty"`
	Pods   int64 `json:"pods,omitempty"`
}

// Add gives the sum.
func (r Resources) Add(o Resources) Resources {
	return Resources{r.CPU + o.CPU, r.Memory + o.Memory, r.Pods + o.Pods}
}

// Sub gives the difference, of which no part is below zero.
func (r Resources) Sub(o Resources) Resources {
	return Resources{max(0, r.CPU-o.CPU), max(0, r.Memory-o.Memory), max(0, r.Pods-o.Pods)}
}

// Budget is one PodDisruptionBudget.
type Budget struct {
	Namespace          string `json:"namespace"`
	Name               string `json:"name"`
	DisruptionsAllowed int    `json:"disruptionsAllowed"`
	Pods               int    `json:"pods"`
	// Never is set when the budget cannot allow an eviction even with every pod healthy.
	Never bool `json:"never,omitempty"`
}

// Addon is a workload that kubeadm upgrades itself: CoreDNS and kube-proxy.
type Addon struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	Ready bool   `json:"ready"`
	// Labelled is set where it has the label by which kubeadm finds the cluster's DNS, whoever has put it there.
	Labelled bool `json:"-"`
}

// Node finds a node by its name.
func (c *Cluster) Node(name string) (Node, bool) {
	i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, false
	}
	return c.Nodes[i], true
}

// OfRole gives the nodes of one role, in observed order.
func (c *Cluster) OfRole(r Role) []Node {
	var out []Node
	for _, n := range c.Nodes {
		if n.Role == r {
			out = append(out, n)
		}
	}
	return out
}

// Component finds a static pod of the node by component name.
func (n Node) Component(name string) (StaticPod, bool) {
	i := slices.IndexFunc(n.StaticPods, func(p StaticPod) bool { return p.Component == name })
	if i < 0 {
		return StaticPod{}, false
	}
	return n.StaticPods[i], true
}
