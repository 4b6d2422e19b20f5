// Package hostaction is what the plugin and the agent on the hosts say to each other: typed actions, requests, frames and results.
// An action is a value; nothing in it ever passes through a shell.
package hostaction

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Kind names a type of action.
type Kind string

// Action is the parameters of one kind of host action; Changes tells whether it changes the host.
// Actions that change something run one at a time on a host, others side by side.
type Action interface {
	Kind() Kind
	Changes() bool
}

// Request asks a host for one action.
type Request struct {
	// ID names the work, after run and step: the transient unit on the host carries it, and a running unit of that name is attached to.
	// It has letters, digits, '.', '-', '_' and '/' only.
	ID string `json:"id"`
	// Nonce tells a repeated request (the stream broke) from a new one (do it again).
	Nonce  string          `json:"nonce"`
	Kind   Kind            `json:"kind"`
	Params json.RawMessage `json:"params"`
	// Changes is Action.Changes of the action in Params.
	Changes bool `json:"changes"`
	// Timeout bounds the work on the host; zero means one hour.
	Timeout time.Duration `json:"timeout"`
}

// NewRequest makes the request for an action.
func NewRequest(id, nonce string, a Action, timeout time.Duration) (Request, error) {
	p, err := json.Marshal(a)
	if err != nil {
		return Request{}, fmt.Errorf("encode action %s: %w", a.Kind(), err)
	}
	return Request{ID: id, Nonce: nonce, Kind: a.Kind(), Params: p, Changes: a.Changes(), Timeout: timeout}, nil
}

// Decode reads the parameters of a request into the action type; unknown fields are refused,
// because a field that an older agent does not know must not be silently ignored.
func Decode[A Action](r Request) (A, error) {
	var a A
	d := json.NewDecoder(bytes.NewReader(r.Params))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("decode action %s: %w", r.Kind, err)
	}
	return a, nil
}

// Frame is one JSON line that the agent writes while it follows an action. Exactly one field is set.
type Frame struct {
	Log *LogLine `json:"log,omitempty"`
	// Alive comes every few seconds when there is nothing else to say, so that a dead stream is noticed.
	Alive bool `json:"alive,omitempty"`
	// Result is the last frame.
	Result *Result `json:"result,omitempty"`
}

// LogLine is a line of output of the action.
type LogLine struct {
	Text string `json:"text"`
	// Next is the byte offset in the action's log after this line: where to go on after a broken stream.
	Next int64 `json:"next"`
}

// Result is how an action ended. It stays on the host until it is collected.
type Result struct {
	ID       string    `json:"id"`
	Nonce    string    `json:"nonce"`
	Kind     Kind      `json:"kind"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Error is empty on success; otherwise verb, object and cause.
	Error string `json:"error,omitempty"`
	// Code tells errors apart on which the caller branches; see the Code constants.
	Code string `json:"code,omitempty"`
	// Output is the action's own result type.
	Output json.RawMessage `json:"output,omitempty"`
}

// Codes of errors on which callers branch.
const (
	CodePackageLocked    = "package-locked"
	CodePackageNotFound  = "package-not-found"
	CodeRepositoryFailed = "repository-failed"
	CodeImageNotFound    = "image-not-found"
	CodeInterrupted      = "interrupted" // the unit ended without a result: reboot, crash, out of memory
	CodeTimeout          = "timeout"
)

// Facts looks at the host and changes nothing. Its output is cluster.Host.
type Facts struct {
	// PackagesOnly leaves out all but the packages and their holds, which many steps ask for.
	PackagesOnly bool `json:"packagesOnly,omitempty"`
}

// ResolvePackages finds the full versions of packages of a Kubernetes version and simulates their installation,
// with package lists of its own, so that the host's package sources stay as they are. Output: Resolution.
type ResolvePackages struct {
	Version version.Version `json:"version"`
	// Bundle, if not empty, is the digest of the bundle that the packages come from, and whose manifest is on the host.
	Bundle string `json:"bundle,omitempty"`
}

// Resolution is what would happen to packages on this host.
type Resolution struct {
	// Offered are the versions of kubeadm that the target minor's repository has, newest first, as full package versions.
	Offered []string `json:"offered"`
	// Versions are the full versions to install of kubeadm and of those of kubelet and kubectl that are installed.
	Versions map[string]string `json:"versions"`
	// Kubeadm is what apt would change when kubeadm alone is installed; Rest, when kubelet and kubectl follow it.
	Kubeadm []PackageChange `json:"kubeadm"`
	Rest    []PackageChange `json:"rest"`
	// DownloadBytes is what is still to be fetched; InstallBytes what the packages take on disk (bytes).
	DownloadBytes uint64 `json:"downloadBytes"`
	InstallBytes  uint64 `json:"installBytes"`
	// Edits are the package source files that are switched to the target's minor.
	Edits []FileEdit `json:"edits,omitempty"`
	// Files are those of the bundle that the installation needs, by package.
	Files map[string]File `json:"files,omitempty"`
}

// PackageChange is one package that a transaction changes.
type PackageChange struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Action is "install", "upgrade", "downgrade" or "remove".
	Action string `json:"action"`
}

// FileEdit is a change to one line-oriented file.
type FileEdit struct {
	File   string `json:"file"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// OfferedVersions asks the package source which versions of kubeadm it has for each of the minors, such as "1.34", without
// touching the host's package sources. A minor whose repository is not there has no versions and is no error. Output: map[string][]string, newest first.
type OfferedVersions struct {
	Minors []string `json:"minors"`
	// Bundle, if not empty, is the digest of the bundle that the packages come from, and whose manifest is on the host.
	Bundle string `json:"bundle,omitempty"`
}

// DownloadPackages fetches the packages into the package manager's cache and changes nothing else.
// It also unpacks the target's kubeadm aside, so that its list of images can be asked for. Output: none.
type DownloadPackages struct {
	Version  version.Version   `json:"version"`
	Versions map[string]string `json:"versions"`
	// Bundle, if not empty, is the digest of the bundle that the packages come from, and whose manifest is on the host.
	Bundle string `json:"bundle,omitempty"`
}

// InstallPackages switches the package source when the minor changes, lifts the holds that are there, installs exactly the versions asked for
// and restores the holds exactly. It refuses, before changing anything, when the transaction would touch a package of Forbid or remove one. Output: []PackageChange.
type InstallPackages struct {
	Version  version.Version   `json:"version"`
	Versions map[string]string `json:"versions"`
	Forbid   []string          `json:"forbid,omitempty"`
	// Bundle, if not empty, is the digest of the bundle that the packages come from, and whose manifest is on the host.
	Bundle string `json:"bundle,omitempty"`
}

// FinishPackages brings to its end what an installation left half done, and restores the holds that it lifted. No version changes. Output: none.
type FinishPackages struct{}

// RestoreKubeletConfig puts back files of the kubelet's that kubeadm has kept before it replaced them, for the kubelet of Version, which
// must not have been started with them gone. Where the container runtime listens stays known whatever they say. Output: none.
type RestoreKubeletConfig struct {
	Version version.Version `json:"version"`
	// Config is the kept configuration; Flags the kept file of flags, empty when kubeadm kept none.
	Config string `json:"config"`
	Flags  string `json:"flags,omitempty"`
}

// PullImages has the container runtime pull the images that kubeadm of Version (see DownloadPackages) needs on this host. Output: []PulledImage.
type PullImages struct {
	Version version.Version `json:"version"`
	// ImageRepository is ClusterConfiguration.imageRepository.
	ImageRepository string `json:"imageRepository,omitempty"`
	// ControlPlane asks for the images of the control plane too, not only of what runs on every node.
	ControlPlane bool `json:"controlPlane,omitempty"`
	// Bundle, if not empty, is the digest of the bundle that the images came from: none is pulled, all have to be there (see ImportImages).
	Bundle string `json:"bundle,omitempty"`
}

// CheckImages asks the container runtime whether images are there or can be had, by pulling them. Output: []PulledImage.
type CheckImages struct {
	Images []string `json:"images"`
}

// PulledImage is one image on the host.
type PulledImage struct {
	Image string `json:"image"`
	// Present is set when it was there already.
	Present bool          `json:"present,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	// Error is the runtime's own word when the image could not be had.
	Error string `json:"error,omitempty"`
}

// KubeadmDiff asks kubeadm of Version (see DownloadPackages) what it would change in this host's static pods. Output: string, a unified diff.
type KubeadmDiff struct {
	Version version.Version `json:"version"`
}

// KubeadmPlan runs `kubeadm upgrade plan VERSION`. Output: none.
type KubeadmPlan struct {
	Version         version.Version `json:"version"`
	IgnorePreflight []string        `json:"ignorePreflight,omitempty"`
}

// KubeadmApply runs `kubeadm upgrade apply VERSION` on the first control-plane node of a minor. Output: none.
type KubeadmApply struct {
	Version         version.Version `json:"version"`
	IgnorePreflight []string        `json:"ignorePreflight,omitempty"`
	// SkipEtcd leaves etcd's static pod as it is.
	SkipEtcd bool `json:"skipEtcd,omitempty"`
}

// KubeadmNode runs `kubeadm upgrade node` on every other node. Output: none.
type KubeadmNode struct {
	Version         version.Version `json:"version"`
	IgnorePreflight []string        `json:"ignorePreflight,omitempty"`
	SkipEtcd        bool            `json:"skipEtcd,omitempty"`
}

// RestartKubelet reloads the units, restarts kubelet.service and waits until systemd has it active and it answers on its health port.
// A kubelet that runs as the installed program, of Version, was restarted before; it is only waited for. Where the one before was of another minor, what
// it ran of the control plane is ended then, for the new one to start it anew. Output: none.
type RestartKubelet struct {
	Version version.Version `json:"version"`
	// Others tells that API servers of other nodes take requests: this host's may leave before the kubelet is restarted.
	Others bool `json:"others,omitempty"`
}

// ControlPlaneHealth asks the apiserver on this host for /readyz and every etcd member for a linearizable read, and changes nothing. Output: Health.
type ControlPlaneHealth struct{}

// MoveEtcdLeader makes etcd ready to do without the member on this host: it gives the leadership away, if it has it, to the first healthy voting member of
// Prefer, which names members, else to any other; has etcd take a snapshot of raft where 3.6 could lose members at its start without it; and waits until the
// others are a majority. Without etcd or without another member it does nothing. Output: LeaderMoved.
type MoveEtcdLeader struct {
	Prefer []string `json:"prefer,omitempty"`
}

// LeaderMoved names the member that leads now; nothing where this host's did not lead, or could not give it away.
type LeaderMoved struct {
	To string `json:"to,omitempty"`
	// Snapshot is set where etcd was made to take a snapshot of raft.
	Snapshot bool `json:"snapshot,omitempty"`
}

// Health is the state of the control plane as seen from one of its hosts.
type Health struct {
	// APIServer is empty when /readyz of the local apiserver is ok; otherwise what it said.
	APIServer string `json:"apiServer,omitempty"`
	// Etcd is empty when the local etcd serves a linearizable read, which needs a quorum; otherwise the error.
	// It is also empty, with no Members, where etcd does not run on this host.
	Etcd    string       `json:"etcd,omitempty"`
	Members []EtcdMember `json:"members,omitempty"`
}

// EtcdMember is one etcd member as seen from the host.
type EtcdMember struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Endpoint string `json:"endpoint,omitempty"`
	Version  string `json:"version,omitempty"`
	Leader   bool   `json:"leader,omitempty"`
	// Local is set for the member that runs on the host itself.
	Local   bool `json:"local,omitempty"`
	Learner bool `json:"learner,omitempty"`
	// Error is empty for a member that answers.
	Error string `json:"error,omitempty"`
}

// The kinds, and what they say of themselves.

// Kind implements Action.
func (Facts) Kind() Kind                { return "facts" }
func (ResolvePackages) Kind() Kind      { return "resolve-packages" }       // Kind implements Action.
func (OfferedVersions) Kind() Kind      { return "offered-versions" }       // Kind implements Action.
func (DownloadPackages) Kind() Kind     { return "download-packages" }      // Kind implements Action.
func (InstallPackages) Kind() Kind      { return "install-packages" }       // Kind implements Action.
func (FinishPackages) Kind() Kind       { return "finish-packages" }        // Kind implements Action.
func (RestoreKubeletConfig) Kind() Kind { return "restore-kubelet-config" } // Kind implements Action.
func (PullImages) Kind() Kind           { return "pull-images" }            // Kind implements Action.
func (CheckImages) Kind() Kind          { return "check-images" }           // Kind implements Action.
func (KubeadmDiff) Kind() Kind          { return "kubeadm-diff" }           // Kind implements Action.
func (KubeadmPlan) Kind() Kind          { return "kubeadm-plan" }           // Kind implements Action.
func (KubeadmApply) Kind() Kind         { return "kubeadm-apply" }          // Kind implements Action.
func (KubeadmNode) Kind() Kind          { return "kubeadm-node" }           // Kind implements Action.
func (RestartKubelet) Kind() Kind       { return "restart-kubelet" }        // Kind implements Action.
func (ControlPlaneHealth) Kind() Kind   { return "control-plane-health" }   // Kind implements Action.
func (MoveEtcdLeader) Kind() Kind       { return "move-etcd-leader" }       // Kind implements Action.

// Changes implements Action.
func (Facts) Changes() bool                { return false }
func (ResolvePackages) Changes() bool      { return false }
func (OfferedVersions) Changes() bool      { return false }
func (DownloadPackages) Changes() bool     { return false }
func (InstallPackages) Changes() bool      { return true }
func (FinishPackages) Changes() bool       { return true }
func (RestoreKubeletConfig) Changes() bool { return true }
func (PullImages) Changes() bool           { return false }
func (CheckImages) Changes() bool          { return false }
func (KubeadmDiff) Changes() bool          { return false }
func (KubeadmPlan) Changes() bool          { return false }
func (KubeadmApply) Changes() bool         { return true }
func (KubeadmNode) Changes() bool          { return true }
func (RestartKubelet) Changes() bool       { return true }
func (ControlPlaneHealth) Changes() bool   { return false }
func (MoveEtcdLeader) Changes() bool       { return true }

// Once tells of an action that is not done again under an ID under which it went well, as long as its result is on the host. It is
// for what cannot be told by looking: on a worker, "kubeadm upgrade node" leaves nothing that names a version.
func Once(k Kind) bool { return k == KubeadmNode{}.Kind() }

// Host is the output type of Facts.
type Host = cluster.Host
