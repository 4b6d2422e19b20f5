package knowledge

const (
	dockershimRemoved = "https://github.com/kubernetes/kubernetes/pull/97252"
	insecureRemoved   = "https://github.com/kubernetes/kubernetes/pull/106859"
	klogRemoved       = "https://github.com/kubernetes/kubernetes/pull/112120"
	changelog         = "https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-"
)

// earlierFlags are those that ended before the releases whose sources removedFlags is made of.
var earlierFlags []RemovedFlag
