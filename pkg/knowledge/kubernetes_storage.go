package knowledge

import (
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Storage backends of the API server, as --storage-backend names them: the v2 and the v3 API of etcd.
const (
	Etcd2 = "etcd2"
	Etcd3 = "etcd3"
)

// Backend is a storage backend that an API server has.
type Backend struct {
	Name string
	// Default is set for what it takes without --storage-backend.
	Default    bool
	Deprecated bool
	Source     string
}

const (
	storageChange    = "https://github.com/kubernetes/enhancements/issues/44"
	storageDeprecate = "https://github.com/kubernetes/kubernetes/pull/57354"
	storageRemove    = "https://github.com/kubernetes/kubernetes/pull/69310"
)

// StorageBackends lists the storage backends of a release's API server: only that of the v2 API before 1.4, both from 1.4 on, that of the v3 API as the default
// from 1.6 on and alone from 1.13 on.
func StorageBackends(kubernetes version.Version) []Backend {
	from := func(minor int) bool { return kubernetes.Major > 1 || kubernetes.Minor >= minor }
	switch {
	case from(13):
		return []Backend{{Name: Etcd3, Default: true, Source: storageRemove}}
	case from(9):
		return []Backend{{Name: Etcd3, Default: true, Source: storageDeprecate}, {Name: Etcd2, Deprecated: true, Source: storageDeprecate}}
	case from(6):
		return []Backend{{Name: Etcd3, Default: true, Source: storageSource("staging/src/k8s.io/apiserver/pkg/server/options/etcd.go", "1.6.0")}, {Name: Etcd2, Source: storageSource("staging/src/k8s.io/apiserver/pkg/server/options/etcd.go", "1.6.0")}}
	case from(4):
		return []Backend{{Name: Etcd2, Default: true, Source: storageSource("pkg/genericapiserver/options/server_run_options.go", "1.4.0")}, {Name: Etcd3, Source: storageSource("pkg/genericapiserver/options/server_run_options.go", "1.4.0")}}
	}
	return []Backend{{Name: Etcd2, Default: true, Source: storageChange}}
}

// storageSource is where a release describes its flag.
func storageSource(file, v string) string {
	return "https://github.com/kubernetes/kubernetes/blob/v" + v + "/" + file
}
