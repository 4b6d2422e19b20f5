package plan

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Kind says what a step does. Beside these, the kinds of hostaction are step kinds: their parameters are the action itself.
type Kind string

// The kinds of steps that the plugin does itself.
const (
	// Cordon takes CordonParams.
	Cordon Kind = "cordon"
	// Drain takes DrainParams.
	Drain Kind = "drain"
	// NodeReady takes NodeReadyParams.
	NodeReady Kind = "node-ready"
	// ControlPlaneReady takes ControlPlaneReadyParams.
	ControlPlaneReady Kind = "control-plane-ready"
	// Uncordon takes no parameters.
	Uncordon Kind = "uncordon"
	// Verify takes VerifyParams.
	Verify Kind = "verify"
	// Mark takes MarkParams. Uncordon takes the mark away again.
	Mark Kind = "mark"
	// NodesServe takes ServingParams.
	NodesServe Kind = "nodes-serve"
	// Pause takes no parameters.
	Pause Kind = "pause"
)

// CordonParams: the node is left alone once its kubelet runs Version, for then there is nothing left to drain it for.
type CordonParams struct {
	Version version.Version `json:"version"`
}

// DrainParams are the choices that a drain leaves to the operator.
type DrainParams struct {
	Version version.Version `json:"version"`
	// DeleteEmptyDir allows evicting pods whose emptyDir data is lost with them.
	DeleteEmptyDir bool `json:"deleteEmptyDir,omitempty"`
	// Force allows deleting pods that no controller starts again.
	Force bool `json:"force,omitempty"`
	// DisableEviction deletes pods instead of evicting them, which no disruption budget holds up.
	DisableEviction bool `json:"disableEviction,omitempty"`
	// GracePeriodSeconds replaces the pods' own; -1 keeps theirs.
	GracePeriodSeconds int `json:"gracePeriodSeconds"`
}

// NodeReadyParams: the node has to be Ready with its kubelet at Version and, where Stable is not zero, its static pods Ready too, for Stable without a break.
type NodeReadyParams struct {
	Version version.Version `json:"version"`
	Stable  Duration        `json:"stable"`
}

// ControlPlaneReadyParams: the static pods of the node have to run Version and be Ready, and the whole control plane has to answer, for Stable without a break.
type ControlPlaneReadyParams struct {
	Version version.Version `json:"version"`
	Stable  Duration        `json:"stable"`
}

// MarkParams are the nodes that evicted pods should rather not go to.
type MarkParams struct {
	Nodes []string `json:"nodes"`
}

// VerifyParams is the state that the cluster has to be in at the end.
type VerifyParams struct {
	Version version.Version `json:"version"`
	// Held are the packages that were held on each node before, and have to be held after.
	Held map[string][]string `json:"held,omitempty"`
	// Packages are the full package versions that each node has to have.
	Packages map[string]map[string]string `json:"packages,omitempty"`
	// Left are the nodes that the operator left out: their kubelets and packages stay as they are.
	Left []string `json:"left,omitempty"`
}

// ServingParams are the nodes that were touched, and how they have to be. No node at all may carry a cordon or a mark of ours.
type ServingParams struct {
	Nodes map[string]Serving `json:"nodes"`
}

// Serving is how a node has to be: Ready, with its kubelet at a version and exactly these packages held.
type Serving struct {
	Kubelet version.Version `json:"kubelet"`
	Held    []string        `json:"held,omitempty"`
}

// stable is how long a gate has to hold without a break. A kubelet that restarts its static pods shows them Ready from
// before for a few seconds, so that a single look would let the next node go down too early (talos#14227, kubeone#3722).
const stable = Duration(10 * time.Second)
