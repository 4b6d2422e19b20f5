package knowledge

import "slices"

const (
	insecureRemoved = "https://github.com/kubernetes/kubernetes/pull/106859"
	klogRemoved     = "https://github.com/kubernetes/kubernetes/pull/112120"
	cadvisorRemoved = "https://github.com/kubernetes/kubernetes/blob/v1.37.2/CHANGELOG/CHANGELOG-1.37.md"
	syncsRemoved    = "https://github.com/kubernetes/kubernetes/pull/138002"
)

// otherFlags are those whose end cannot be read from the sources by comparing them: they come from libraries that go on having them.
var otherFlags = slices.Concat(
	gone("1.24", "v1.23.17", insecureRemoved, []string{"kube-apiserver"}, "address", "insecure-bind-address", "insecure-port", "port"),
	gone("1.26", "v1.25.16", klogRemoved, []string{"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"},
		"add-dir-header", "alsologtostderr", "log-backtrace-at", "log-dir", "log-file", "log-file-max-size", "logtostderr", "one-output", "skip-headers",
		"skip-log-headers", "stderrthreshold"),
	gone("1.37", "v1.36.3", cadvisorRemoved, []string{"kubelet"}, "event-storage-age-limit", "event-storage-event-limit"),
	gone("1.37", "v1.36.3", syncsRemoved, []string{"kube-controller-manager"}, "concurrent-service-syncs"),
)

// gone makes a row for each flag of each component.
func gone(removed, last, source string, components []string, names ...string) []RemovedFlag {
	var out []RemovedFlag
	for _, c := range components {
		for _, n := range names {
			out = append(out, RemovedFlag{Component: c, Name: n, Removed: removed, Last: last, Source: source})
		}
	}
	return out
}
