package cluster

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Survey is what is looked at because a release on the way may break it, beside what a plan is made of.
type Survey struct {
	// APIs are the versions of kinds that the API server serves.
	APIs []ServedAPI `json:"-"`
	// Requested are deprecated versions that somebody has asked for since the API server started.
	Requested []RequestedAPI `json:"requested,omitempty"`
	// Stored are the kinds with objects that were written by a version which ends, or of which no other version is left.
	Stored []StoredAPI `json:"stored,omitempty"`
	// HelmReleases are those whose manifest, as Helm keeps it, has objects by versions that end.
	HelmReleases []HelmRelease `json:"helmReleases,omitempty"`
	// Servers are the API servers behind the endpoint.
	Servers []Server `json:"servers,omitempty"`
	// Databases are what API servers say of the size of etcd's database.
	Databases   []Database   `json:"databases,omitempty"`
	CRDs        []CRD        `json:"crds,omitempty"`
	Webhooks    []Webhook    `json:"webhooks,omitempty"`
	APIServices []APIService `json:"apiServices,omitempty"`
	// Components are the static pods of the control plane and what they are told.
	Components []Component `json:"components,omitempty"`
	// Configs are the configurations that kubeadm keeps in namespace kube-system.
	Configs   []Config   `json:"configs,omitempty"`
	Workloads []Workload `json:"-"`
	Nodes     []NodeLook `json:"nodes,omitempty"`
	// Services are those that a cluster cannot do without, and how many of their endpoints are ready.
	Services []Service `json:"services,omitempty"`
	// Unhealthy are the checks of the API server's own that fail now.
	Unhealthy []string `json:"unhealthy,omitempty"`
	// ClientExpiry is when the operator's own certificate ends; zero where he has none.
	ClientExpiry time.Time `json:"clientExpiry,omitzero"`
	// Kubectl is the operator's own; nil where he has none, or it could not be asked.
	Kubectl *Kubectl `json:"kubectl,omitempty"`
	// Time is when all this was read, by the API server's clock.
	Time time.Time `json:"time,omitzero"`
	// Unread is what could not be looked at.
	Unread []Unread `json:"unread,omitempty"`
}

// Unread is something that could not be looked at.
type Unread struct {
	What  string `json:"what"`
	Cause string `json:"cause"`
}

// ServedAPI is a version of a kind that the API server serves.
type ServedAPI struct {
	Group, Version, Kind, Resource string
	Namespaced, Listed             bool
	// Preferred is set for the version that clients take which do not ask for one.
	Preferred bool
}

// RequestedAPI is a deprecated version that was asked for.
type RequestedAPI struct {
	Group    string `json:"group,omitempty"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
	// Servers are the API servers that were asked.
	Servers []string `json:"servers,omitempty"`
}

// StoredAPI is a version of a kind, and the objects that have to do with it.
type StoredAPI struct {
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	// Objects are all objects of the kind where nothing else serves it; else empty.
	Objects []string `json:"objects,omitempty"`
	// Writers are those who have written an object by this version, by object.
	Writers []APIWriter `json:"writers,omitempty"`
	// More is how many objects or writers are left out of a list that would be too long.
	More int `json:"more,omitempty"`
}

// APIWriter is somebody who has written an object by a version of its API.
type APIWriter struct {
	Object  string    `json:"object"`
	Manager string    `json:"manager"`
	Time    time.Time `json:"time,omitzero"`
}

// HelmRelease is a release of Helm, and what of its manifest has to do with versions that end.
type HelmRelease struct {
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	Objects   []HelmObject `json:"objects"`
}

// HelmObject is an object of a manifest.
type HelmObject struct {
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`
}

// Server is one API server behind the endpoint.
type Server struct {
	Address string `json:"address"`
	// Expiry is when its serving certificate ends; zero where it could not be reached directly.
	Expiry time.Time `json:"expiry,omitzero"`
	Error  string    `json:"error,omitempty"`
}

// Database is how large the database of etcd is, as an API server tells it.
type Database struct {
	Server string `json:"server"`
	// Etcd is what the server calls the etcd that it has asked: one of its --etcd-servers, or from 1.28 on "etcd-0" for any of these.
	Etcd  string `json:"etcd"`
	Bytes int64  `json:"bytes"`
}

// Kubectl is a kubectl of the operator's machine.
type Kubectl struct {
	Path    string          `json:"path"`
	Version version.Version `json:"version"`
}

// CRD is a definition of custom resources.
type CRD struct {
	Name string `json:"name"`
	// Versions are those that it defines, Stored those of which objects may lie in etcd.
	Versions []string `json:"versions"`
	Stored   []string `json:"stored,omitempty"`
	// Conversion is the service that converts between versions, as namespace/name; empty without one.
	Conversion string `json:"conversion,omitempty"`
	// Ready is how many endpoints of that service are; -1 where that is not known.
	Ready int `json:"ready,omitempty"`
}

// Webhook is one webhook of a configuration for admission.
type Webhook struct {
	// Configuration is kind and name of what it belongs to.
	Configuration string `json:"configuration"`
	Name          string `json:"name"`
	// Fails tells that a request is refused when the webhook does not answer.
	Fails bool `json:"fails,omitempty"`
	// Service is namespace/name; empty where it is called by URL.
	Service string `json:"service,omitempty"`
	// Ready is how many endpoints of the service are, and Hosts on how many nodes; -1 where that is not known.
	Ready int `json:"ready"`
	Hosts int `json:"hosts"`
	// System tells that it is called for pods in namespace kube-system, and Pods that it is called for pods at all.
	System bool `json:"system,omitempty"`
	Pods   bool `json:"pods,omitempty"`
	// Nodes tells that it is called for nodes or leases, which kubelets write all the time.
	Nodes bool `json:"nodes,omitempty"`
	// TimeoutSeconds is how long a request waits for it.
	TimeoutSeconds int `json:"timeoutSeconds,omitempty"`
	// ReviewVersions are the versions of AdmissionReview that it understands.
	ReviewVersions []string `json:"reviewVersions,omitempty"`
}

// APIService is a group version that another server serves.
type APIService struct {
	Name      string `json:"name"`
	Service   string `json:"service"`
	Available bool   `json:"available"`
	Cause     string `json:"cause,omitempty"`
}

// Component is a program of the control plane on a node, and what it is told.
type Component struct {
	Node string `json:"node"`
	// Name is that of the program, such as kube-apiserver.
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
	Flags []Flag `json:"flags,omitempty"`
	// Env are the variables of etcd's that stand for flags, where there is no flag.
	Env []Flag `json:"env,omitempty"`
}

// Flag is a flag and its value.
type Flag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Config is a document in a ConfigMap of namespace kube-system.
type Config struct {
	ConfigMap string `json:"configMap"`
	Key       string `json:"key"`
	// Text is empty where it could not be read.
	Text string `json:"text"`
}

// Workload is what starts pods, as its pods show it.
type Workload struct {
	Namespace, Kind, Name string
	Pods                  int
	// Nodes are where its pods run.
	Nodes []string
	// Selects are the labels of nodes that it wants, Tolerates the taints that it bears; "*" is any.
	Selects, Tolerates []string
	Images             []string
	// Volumes are the kinds of its volumes, as the fields of the API are named.
	Volumes []string
	// Annotations are those whose meaning ends with a release.
	Annotations []string
}

// NodeLook is what a node says of itself beside what a plan is made of.
type NodeLook struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels,omitempty"`
	Taints []string `json:"taints,omitempty"`
	// CRISocket is what kubeadm has noted of the container runtime's socket.
	CRISocket string `json:"criSocket,omitempty"`
	Runtime   string `json:"runtime,omitempty"`
	Kernel    string `json:"kernel,omitempty"`
	// Pressures are conditions such as DiskPressure that hold now.
	Pressures []string `json:"pressures,omitempty"`
	// Proxy is the version of its kube-proxy; zero where none runs.
	Proxy version.Version `json:"proxy"`
	// ClockAhead is how far its clock is ahead of the API server's, or behind where it is negative; zero where it is not far.
	ClockAhead time.Duration `json:"clockAhead,omitempty"`
}

// Service is a service and how many of its endpoints are ready.
type Service struct {
	Name  string `json:"name"`
	Ready int    `json:"ready"`
}
