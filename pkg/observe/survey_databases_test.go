package observe

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// TestDatabases reads the metric as API servers of different releases write it.
func TestDatabases(t *testing.T) {
	for name, tt := range map[string]struct {
		metrics string
		want    []cluster.Database
	}{
		"1.25": {"# TYPE etcd_db_total_size_in_bytes gauge\netcd_db_total_size_in_bytes{endpoint=\"https://127.0.0.1:2379\"} 2.6906624e+07\n",
			[]cluster.Database{{Server: "a", Etcd: "https://127.0.0.1:2379", Bytes: 26906624}}},
		"1.27": {"apiserver_storage_db_total_size_in_bytes{endpoint=\"https://127.0.0.1:2379\"} 2.0525056e+07\napiserver_storage_db_total_size_in_bytes{endpoint=\"https://10.0.0.9:2379\"} -1\n",
			[]cluster.Database{{Server: "a", Etcd: "https://127.0.0.1:2379", Bytes: 20525056}}},
		"1.28": {"apiserver_storage_db_total_size_in_bytes{endpoint=\"https://127.0.0.1:2379\"} 1e+06\napiserver_storage_size_bytes{cluster=\"etcd-0\"} 2e+06\n",
			[]cluster.Database{{Server: "a", Etcd: "etcd-0", Bytes: 2000000}}},
		"1.34": {"apiserver_storage_size_bytes{storage_cluster_id=\"etcd-0\"} 3.1457e+07\napiserver_storage_size_bytes{storage_cluster_id=\"etcd-1\"} 4096\n",
			[]cluster.Database{{Server: "a", Etcd: "etcd-0", Bytes: 31457000}, {Server: "a", Etcd: "etcd-1", Bytes: 4096}}},
		"none": {"apiserver_storage_size_bytes_total{a=\"b\"} 1\napiserver_storage_size_bytes 1\n", nil},
	} {
		var lines []string
		for l := range strings.Lines(tt.metrics) {
			if l = strings.TrimSpace(l); isSize(l) {
				lines = append(lines, l)
			}
		}
		if got := databases(lines, "a"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
