package knowledge

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// tree is where Kubernetes' sources can be looked at, by release.
const tree = "https://github.com/kubernetes/kubernetes/blob/"

// RemovedAPI is a version of an API that is served no more from a release on.
type RemovedAPI struct {
	Group, Version, Kind string
	// Removed is the first minor without it, such as "1.25".
	Removed string
	// Replacement is the version and kind to use instead, such as "policy/v1 PodDisruptionBudget"; empty where its own source names none.
	Replacement string
	Source      string
}

// GroupVersion is the version as manifests name it: "v1" in the core group, else "apps/v1".
func (a RemovedAPI) GroupVersion() string { return strings.TrimPrefix(a.Group+"/"+a.Version, "/") }

// becameStable are kinds with a stable version of which their beta versions' own source says nothing.
var becameStable = []string{
	"admissionregistration.k8s.io ValidatingAdmissionPolicy", "admissionregistration.k8s.io ValidatingAdmissionPolicyBinding", "events.k8s.io Event",
	"networking.k8s.io IPAddress", "networking.k8s.io ServiceCIDR", "node.k8s.io RuntimeClass", "resource.k8s.io DeviceClass",
	"resource.k8s.io DeviceTaintRule", "resource.k8s.io ResourceClaim", "resource.k8s.io ResourceClaimTemplate", "resource.k8s.io ResourceSlice",
}

// Lost tells whether its objects cannot be read any more once it is gone, unless another version is served while it is still there. Objects of
// beta versions are always converted; alpha versions are dropped as they are.
func (a RemovedAPI) Lost() bool {
	return a.Replacement == "" && (!strings.Contains(a.Version, "beta") || !slices.Contains(becameStable, a.Group+" "+a.Kind))
}

// RemovedFlag is a flag that a component takes no more: it does not start with it.
type RemovedFlag struct {
	Component, Name string
	// Removed is the first minor without it; Last is a release that still takes it.
	Removed, Last string
	// Source is where the removal is told of; empty where it was found by comparing the sources of releases.
	Source string
}

// EndedGate is a feature gate that can be set no more, or to one value only. A component that is told otherwise does not start.
type EndedGate struct {
	// Component is "kubeadm" for the gates of its own; empty for those that the components of Kubernetes share.
	Component, Name string
	// Removed is the first minor that does not know it; empty where all later ones do. Last is a release that still does.
	Removed, Last string
	// Locked is the first minor in which Value is all that it can be set to; empty where it never was locked. LockedBy is a release that says so.
	Locked, LockedBy string
	Value            bool
}

// RemovedAPIs lists the versions of APIs that end, oldest end first.
func RemovedAPIs() []RemovedAPI { return slices.Clone(removedAPIs) }

// RemovedFlags lists the flags that components have lost.
func RemovedFlags() []RemovedFlag { return slices.Concat(otherFlags, removedFlags) }

// EndedGates lists the feature gates that have ended or been locked.
func EndedGates() []EndedGate { return slices.Clone(endedGates) }

// Ended tells whether what ends with a minor, such as "1.25", is gone in a release.
func Ended(minor string, in version.Version) bool {
	return minor != "" && cmp.Compare(minorNumber(minor), in.Major*1000+in.Minor) <= 0
}

func minorNumber(minor string) int {
	v := version.MustParse(minor + ".0")
	return v.Major*1000 + v.Minor
}
