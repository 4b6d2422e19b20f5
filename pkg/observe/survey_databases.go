package observe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// sizeMetrics are the names of the metric that tells how large etcd's database is: from 1.28 on, in 1.26 and 1.27, and before. 1.28 still has the older one, too.
// https://github.com/kubernetes/kubernetes/blob/v1.34.4/staging/src/k8s.io/apiserver/pkg/storage/etcd3/metrics/metrics.go
var sizeMetrics = []string{"apiserver_storage_size_bytes", "apiserver_storage_db_total_size_in_bytes", "etcd_db_total_size_in_bytes"}

// isSize tells the lines of that metric from all the others.
func isSize(line string) bool {
	return slices.ContainsFunc(sizeMetrics, func(name string) bool { return strings.HasPrefix(line, name+"{") })
}

// databases reads its series, by the newest name that there is. Each has one label, whose name changes: it says which etcd was asked.
func databases(lines []string, server string) []cluster.Database {
	for _, name := range sizeMetrics {
		var out []cluster.Database
		for _, line := range lines {
			series, ok := strings.CutPrefix(line, name+"{")
			labels, value, closed := strings.Cut(series, "} ")
			etcd := label.FindStringSubmatch(labels)
			if !ok || !closed || etcd == nil {
				continue
			}
			bytes, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || bytes <= 0 { // -1 says that etcd did not answer
				continue
			}
			out = append(out, cluster.Database{Server: server, Etcd: etcd[2], Bytes: int64(bytes)})
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}
