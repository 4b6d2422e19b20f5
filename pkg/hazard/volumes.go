package hazard

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// volumeRows are the volumes whose plugin is gone from a release on. Those that a CSI driver has taken over go on.
var volumeRows = []Hazard{
	volume("flocker", "1.25", "pull/111618"), volume("quobyte", "1.25", "pull/111619"), volume("storageos", "1.25", "pull/111620"),
	volume("glusterfs", "1.26", "pull/112015"), volume("rbd", "1.31", "pull/124546"), volume("cephfs", "1.31", "pull/124544"),
	{ID: "volume-gitrepo", Since: "1.36", Severity: Skippable, Source: source + "pull/136400",
		Title: "volumes of kind gitRepo are refused from 1.36 on: pods that have one do not start", Evidence: "%s has a volume of kind gitRepo",
		Fix: "clone the repository in an init container into an emptyDir", find: withVolume("gitRepo")},
	{ID: "volume-flexvolume", Since: "1.36", Severity: Advice, Source: source + "pull/136423",
		Title: "kubeadm no longer gives the controller manager what FlexVolume needs", Evidence: "%s has a volume of kind flexVolume", Fix: "change to a CSI driver", find: withVolume("flexVolume")},
}

func volume(kind, since, link string) Hazard {
	return Hazard{ID: "volume-" + kind, Since: since, Severity: Skippable, Source: source + link,
		Title:    "the kubelet of " + since + " cannot mount volumes of kind " + kind + ": pods that have one do not start",
		Evidence: "%s has a volume of kind " + kind, Fix: "move the data to a volume of a CSI driver", find: withVolume(kind)}
}

func withVolume(kind string) func(Facts) []Offender {
	return workloads(func(w cluster.Workload) bool { return slices.Contains(w.Volumes, kind) })
}
