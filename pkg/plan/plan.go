// Package plan turns an observed cluster and a target version into the list of steps that upgrade it.
// A plan is a value: the same one is printed, saved, digested and executed. The package is pure: no client, no os, no clock.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// APIVersion names the format of a saved plan, and UpgradeKind what is planned.
const (
	APIVersion  = "kubectl-upgrade.io/v1alpha1"
	UpgradeKind = "ClusterUpgradePlan"
)

// Plan is everything that an upgrade will do, in order.
type Plan struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Digest is the SHA-256 of all that the plan does: what was shown is what runs. See func digested.
	Digest  string          `json:"digest"`
	Cluster ClusterRef      `json:"cluster"`
	From    version.Version `json:"from"`
	To      version.Version `json:"to"`
	// Path is every version that the control plane goes through; the last is To.
	Path []version.Version `json:"path"`
	// Options are the operator's choices that the plan was made with; those for etcd are in Etcd.
	Options Options `json:"options,omitzero"`
	// Leaders are the nodes whose replica of a component led when the plan was made. They decided the order of nodes.
	Leaders cluster.Leaders `json:"leaders,omitzero"`
	// Reasons say why the plan is as it is: the order of nodes, how often they are drained.
	Reasons []string `json:"reasons,omitempty"`
	// Components are the parts of Kubernetes and what becomes of each.
	Components []Component `json:"components,omitempty"`
	// Disruption says in sentences what users of the cluster have to expect.
	Disruption []string `json:"disruption,omitempty"`
	// StaticPods is what kubeadm changes in the static pods of one control-plane node; nil where that was not to be had.
	StaticPods *StaticPods `json:"staticPods,omitempty"`
	// Etcd is set in a plan of EtcdKind.
	Etcd *EtcdPlan `json:"etcd,omitempty"`
	// TakenOut is what this plan, and what an earlier run of the same upgrade, takes out of configurations that kubeadm keeps. Nothing is done by it: an
	// abort puts it back where it still means something.
	TakenOut []TakenOut `json:"takenOut,omitempty"`
	// Nodes says for every node where it stands and where it goes.
	Nodes []NodeSummary `json:"nodes"`
	// Phases run one after another; a plan without phases has nothing to do.
	Phases []Phase `json:"phases"`
}

// StaticPods is the difference between the manifests of a node and those that the target's kubeadm would write there.
type StaticPods struct {
	Node string `json:"node"`
	// Diff is a unified diff, by kubeadm itself.
	Diff string `json:"diff"`
}

// ClusterRef tells which cluster a plan is for.
type ClusterRef struct {
	UID     string `json:"uid"`
	Server  string `json:"server"`
	Context string `json:"context,omitempty"`
}

// NodeSummary is what a plan does to one node.
type NodeSummary struct {
	Name    string          `json:"name"`
	Role    string          `json:"role"`
	Kubelet version.Version `json:"kubelet"`
	// Stops are the versions at which packages move on the node, in order.
	Stops []NodeStop `json:"stops,omitempty"`
	// Held are the packages whose hold is lifted for the installation and restored after it.
	Held []string `json:"held,omitempty"`
	// Evicted are the pods that the drain moves, as namespace/name.
	Evicted []string `json:"evicted,omitempty"`
}

// NodeStop is what moves on a node at one version of the way.
type NodeStop struct {
	Version version.Version `json:"version"`
	// Packages are the changes that the package manager announced in its simulation.
	Packages []PackageChange `json:"packages,omitempty"`
	// Edits are the package sources that are switched to another minor.
	Edits []SourceEdit `json:"edits,omitempty"`
}

// PackageChange is one package that moves on a node.
type PackageChange struct {
	Name   string `json:"name"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Action string `json:"action"`
}

// SourceEdit is a changed line of a package source file.
type SourceEdit struct {
	File   string `json:"file"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Phase is a part of the plan. Its groups go side by side, at most Parallel of them at once.
type Phase struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Hop is the release that the phase leads to; empty for what belongs to none.
	Hop      string `json:"hop,omitempty"`
	Parallel int    `json:"parallel"`
	// MaxFailures is how many groups may fail before no other one is started; those that run are let finish.
	MaxFailures int     `json:"maxFailures,omitempty"`
	Groups      []Group `json:"groups"`
}

// Group is a sequence of steps, usually those of one node.
type Group struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Steps []Step `json:"steps"`
}

// Step is one thing to do.
type Step struct {
	// ID is a path that stays the same from plan to plan: "1.34/control-plane/cp-1/apply".
	ID    string `json:"id"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
	Node  string `json:"node,omitempty"`
	// Params are the parameters of the kind; see the kinds.
	Params json.RawMessage `json:"params,omitempty"`
	// Changes is set when the step changes a host or the cluster, beyond filling caches.
	Changes bool `json:"changes,omitempty"`
	// Timeout bounds the step.
	Timeout Duration `json:"timeout"`
}

// Duration is a time.Duration that JSON shows as "5m0s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	p, err := time.ParseDuration(string(b))
	*d = Duration(p)
	return err
}

// Steps walks every step in order.
func (p *Plan) Steps() iter.Seq[Step] {
	return func(yield func(Step) bool) {
		for _, ph := range p.Phases {
			for _, g := range ph.Groups {
				for _, s := range g.Steps {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

// Title says in a few words what the plan does.
func (p *Plan) Title() string {
	switch {
	case p.Kind == EtcdSnapshotKind:
		return "Snapshot of etcd"
	case p.Kind == EtcdVerifyKind:
		return "Verify a snapshot of etcd"
	case p.Kind == EtcdRestoreKind:
		return "Restore etcd from " + path.Base(p.Etcd.Restore.From.Path)
	case p.Kind == EtcdKind && p.To.Less(p.From):
		return fmt.Sprintf("Downgrade etcd %s to %s", p.From.Bare(), p.To.Bare())
	case p.Kind == EtcdKind:
		return fmt.Sprintf("Upgrade etcd %s to %s", p.From.Bare(), p.To.Bare())
	case p.Kind != AbortKind:
		return fmt.Sprintf("Upgrade %s to %s", p.From, p.To)
	case p.To.IsZero():
		return "Take nodes back"
	case p.Etcd != nil:
		return "Give up the upgrade of etcd to " + p.To.Bare()
	}
	return fmt.Sprintf("Give up the upgrade to %s", p.To)
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Phases) == 0 }

// seal computes the digest.
func (p *Plan) seal() error {
	b, err := json.Marshal(p.digested())
	if err != nil {
		return fmt.Errorf("digest plan: %w", err)
	}
	sum := sha256.Sum256(b)
	p.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return nil
}

// digested is the plan without what says nothing of what is done: how this machine reaches the cluster and where a bundle lies on it, and the pods that a
// drain would move now, with what is told of them. They have other names an hour later, and the drain takes those that it finds. What kubeadm writes is
// kubeadm's own affair, of which the plan tells as well as it can; what an abort would put back, the steps that take it out tell.
func (p *Plan) digested() Plan {
	out := *p
	out.Digest, out.Disruption, out.StaticPods, out.TakenOut = "", nil, nil, nil
	out.Cluster = ClusterRef{UID: p.Cluster.UID}
	out.Options.PackagesFrom, out.Options.ImagesFrom = p.Options.PackagesFrom.digested(), p.Options.ImagesFrom.digested()
	out.Nodes = slices.Clone(p.Nodes)
	for i := range out.Nodes {
		out.Nodes[i].Evicted = nil
	}
	return out
}

// Params reads the parameters of a step into the type that belongs to its kind.
func Params[T any](s Step) (T, error) {
	var t T
	if err := json.Unmarshal(s.Params, &t); err != nil {
		return t, fmt.Errorf("read parameters of step %s: %w", s.ID, err)
	}
	return t, nil
}
