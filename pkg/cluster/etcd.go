package cluster

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Etcd is the etcd behind a cluster's API servers.
type Etcd struct {
	// ID is the etcd cluster's, in hexadecimal as etcdctl writes it.
	ID string `json:"id,omitempty"`
	// Version is the minor that the members have agreed on: that of the oldest of them, once they had the time.
	Version version.Version `json:"version"`
	// Members are ordered by name.
	Members []EtcdMember `json:"members"`
	// Clients are the API servers, by node, and what each of them says to etcd.
	Clients []EtcdClient `json:"clients,omitempty"`
	// Views are what the hosts say of the members, by node: they have to agree.
	Views []EtcdView `json:"views,omitempty"`
}

// EtcdView is what one host says of the members.
type EtcdView struct {
	Node      string `json:"node"`
	ClusterID string `json:"clusterID,omitempty"`
	// Members are IDs, in order.
	Members []string `json:"members,omitempty"`
	// Error is why the members could not be asked from there.
	Error string `json:"error,omitempty"`
}

// EtcdRun is how a member is run.
type EtcdRun string

// The ways to run a member.
const (
	// EtcdAsPod is kubeadm's way, called stacked.
	EtcdAsPod EtcdRun = "static-pod"
	// EtcdAsService is a service of the host's systemd.
	EtcdAsService EtcdRun = "service"
	// EtcdAsProcess is a process of the host that no service manager knows.
	EtcdAsProcess EtcdRun = "process"
)

// EtcdMember is one member, as it answers and as its host shows it. What a release cannot tell stays zero.
type EtcdMember struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	// Node is the node of the cluster on which it runs; empty when it runs elsewhere.
	Node       string   `json:"node,omitempty"`
	PeerURLs   []string `json:"peerURLs,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
	Leader     bool     `json:"leader,omitempty"`
	Learner    bool     `json:"learner,omitempty"`
	EtcdStatus
	// Lost is set for one that raft has forgotten: it gets no entries, and has no vote, whatever the list of members says. Error says so too.
	Lost bool `json:"lost,omitempty"`
	// Error is why it does not answer; empty when it does.
	Error string `json:"error,omitempty"`
	// Process is nil when its host was not asked, or nothing of it was found there.
	Process *EtcdProcess `json:"process,omitempty"`
}

// EtcdStatus is what a member answers. Sizes are bytes.
type EtcdStatus struct {
	Version version.Version `json:"version"`
	// ClusterVersion is the minor that the member takes the cluster for; StorageVersion that of its data, known from 3.6 on.
	ClusterVersion version.Version `json:"clusterVersion"`
	StorageVersion version.Version `json:"storageVersion"`
	DBSize         int64           `json:"dbSize,omitempty"`
	DBInUse        int64           `json:"dbInUse,omitempty"`
	// Quota is what the member says from 3.6 on, and before what its settings say, where it is on the host that was asked; negative without a limit.
	Quota        int64  `json:"quota,omitempty"`
	Revision     int64  `json:"revision,omitempty"`
	RaftTerm     uint64 `json:"raftTerm,omitempty"`
	RaftIndex    uint64 `json:"raftIndex,omitempty"`
	AppliedIndex uint64 `json:"appliedIndex,omitempty"`
	// Leases is their number; -1 when the member cannot tell.
	Leases int      `json:"leases,omitempty"`
	Alarms []string `json:"alarms,omitempty"`
	Auth   bool     `json:"auth,omitempty"`
	// V2Index is the index of the v2 store of members before 3.0, which have no revision.
	V2Index uint64 `json:"v2Index,omitempty"`
}

// EtcdProcess is how a member is run on its host.
type EtcdProcess struct {
	Run EtcdRun `json:"run"`
	// Files say how it is run, the main one first: the static pod manifest; the unit, its drop-ins, environment files; etcd's own --config-file.
	Files []TextFile `json:"files,omitempty"`
	// Unit is the service; PID the process that runs now.
	Unit string `json:"unit,omitempty"`
	PID  int    `json:"pid,omitempty"`
	// Binary is the path on the host of a service's or a process' program; Image that of a static pod.
	Binary string `json:"binary,omitempty"`
	Image  string `json:"image,omitempty"`
	// Args are the arguments of the running process, without its name; Env its ETCD_ variables, as NAME=value.
	Args []string `json:"args,omitempty"`
	Env  []string `json:"env,omitempty"`
	// Owner is the user and the group that it runs as, as UID:GID.
	Owner   string `json:"owner,omitempty"`
	DataDir string `json:"dataDir"`
	WALDir  string `json:"walDir,omitempty"`
	// ClientURL is how to ask this very member from its own host.
	ClientURL string `json:"clientURL,omitempty"`
	// CAFile, CertFile and KeyFile are what a client on the host shows; empty for plain HTTP.
	CAFile   string `json:"caFile,omitempty"`
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// Disk is where the data directory lies.
	Disk Disk `json:"disk"`
	// Data is what its bytes say; nil when they were not looked at.
	Data *EtcdData `json:"data,omitempty"`
	// DataRefused is what the member said when its data was asked for and it wanted a password.
	DataRefused string `json:"dataRefused,omitempty"`
	// Others are further etcd processes on the same host, as data directories: more than one cannot be told apart safely.
	Others []string `json:"others,omitempty"`
}

// TextFile is a file of a host with its text.
type TextFile struct {
	Path string `json:"path"`
	// Kind is "manifest", "unit", "drop-in", "environment" or "config".
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// EtcdData is what the bytes of a data directory say, which no running server tells.
type EtcdData struct {
	// V2Keys are keys of the v2 API that are no part of etcd's own bookkeeping; V2Writes requests of it in the log over which 3.6 panics.
	V2Keys   int `json:"v2Keys,omitempty"`
	V2Writes int `json:"v2Writes,omitempty"`
	// V2Prefixes counts those keys by their first directory; V2Auth is set when the v2 API asks for passwords.
	V2Prefixes map[string]int `json:"v2Prefixes,omitempty"`
	V2Auth     bool           `json:"v2Auth,omitempty"`
	// Zombies are members that the database has and the cluster has not, or as voters where the cluster has learners, or the other way around,
	// as sentences (https://github.com/etcd-io/etcd/issues/20967).
	Zombies []string `json:"zombies,omitempty"`
	// Storage is "etcd2" where the keys of the v2 API are the data, else "etcd3".
	Storage string `json:"storage,omitempty"`
}

// EtcdClient is what an API server is told of etcd.
type EtcdClient struct {
	Node     string   `json:"node"`
	Manifest TextFile `json:"manifest"`
	Servers  []string `json:"servers"`
	// Overrides are --etcd-servers-overrides: other etcd clusters, for some resources.
	Overrides []string `json:"overrides,omitempty"`
	// Backend is --storage-backend; empty means the release's default.
	Backend string `json:"backend,omitempty"`
	// Prefix is --etcd-prefix, "/registry" unless told otherwise.
	Prefix   string `json:"prefix"`
	CAFile   string `json:"caFile,omitempty"`
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
}

// OnV2 are the nodes whose API servers keep their objects by the v2 API.
func (e *Etcd) OnV2() []string {
	var out []string
	for _, c := range e.Clients {
		if c.Backend == "etcd2" {
			out = append(out, c.Node)
		}
	}
	return out
}

// Member finds a member by its name.
func (e *Etcd) Member(name string) (EtcdMember, bool) {
	i := slices.IndexFunc(e.Members, func(m EtcdMember) bool { return m.Name == name })
	if i < 0 {
		return EtcdMember{}, false
	}
	return e.Members[i], true
}

// Leader finds the member that leads.
func (e *Etcd) Leader() (EtcdMember, bool) {
	i := slices.IndexFunc(e.Members, func(m EtcdMember) bool { return m.Leader })
	if i < 0 {
		return EtcdMember{}, false
	}
	return e.Members[i], true
}
