package hazard

import (
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// workloadRows are about programs that run in the cluster, as their images tell.
var workloadRows = []Hazard{
	{ID: "calico-token", Since: "1.21", Stays: true, Severity: Skippable, Source: "https://github.com/projectcalico/calico/pull/5910",
		Title:    "Calico before 3.23.2 gives its CNI plugin the token of the calico-node pod, which ends with that pod from 1.21 on: pods that start while it is away fail with Unauthorized",
		Evidence: "%s %s/%s runs %s", Fix: "upgrade Calico first; if a node is caught in it, restart its calico-node pod",
		find: running("calico/node", func(tag string) bool {
			v, ok := tagged(tag)
			return ok && v.Less(version.MustParse("v3.23.2"))
		})},
	{ID: "provisioner-selflink", Since: "1.20", Stays: true, Severity: Skippable, Source: "https://github.com/kubernetes-sigs/nfs-subdir-external-provisioner/issues/25",
		Title:    "this provisioner reads selfLink, which API servers leave empty from 1.20 on: new claims stay Pending",
		Evidence: "%s %s/%s runs %s", Fix: "replace it by registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2, which takes over its volumes",
		find: running("external_storage/nfs-client-provisioner", func(string) bool { return true })},
}

// running finds workloads by the end of an image's name and by its tag.
func running(image string, bad func(tag string) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		var out []Offender
		for _, w := range f.Cluster.Survey.Workloads {
			for _, full := range w.Images {
				name, tag := named(full)
				if (name == image || strings.HasSuffix(name, "/"+image)) && bad(tag) {
					out = append(out, Offender{w.Kind, w.Namespace, w.Name, full})
				}
			}
		}
		return out
	}
}

// named takes the tag and the digest off an image.
func named(image string) (name, tag string) {
	name, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') { // else it is a registry's port
		return name[:i], name[i+1:]
	}
	return name, ""
}

// tagged is the release that a tag names; what a vendor adds behind the numbers does not count.
func tagged(tag string) (version.Version, bool) {
	v, err := version.Parse("v" + numbers(strings.TrimPrefix(tag, "v")))
	return v, err == nil
}
