package migrate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v3dir"
)

func TestMapKeys(t *testing.T) {
	now := time.Unix(1000, 0)
	keys, leases := mapKeys([]v2.Key{
		{Path: "/stays", Value: "v", Created: 3, Modified: 4},
		{Path: "/a", Created: 5, Modified: 5, Expires: time.Unix(1059, 1)},
		{Path: "/b", Created: 6, Modified: 6, Expires: time.Unix(1060, 0)},
		{Path: "/over", Created: 7, Modified: 7, Expires: time.Unix(900, 0)},
	}, now)
	if d := cmp.Diff([]v3dir.Key{
		{Key: "/stays", Value: "v", CreateRev: 3, ModRev: 4},
		{Key: "/a", CreateRev: 5, ModRev: 5, Lease: 1060},
		{Key: "/b", CreateRev: 6, ModRev: 6, Lease: 1060},
		{Key: "/over", CreateRev: 7, ModRev: 7, Lease: 900},
	}, keys); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]v3dir.Lease{{ID: 1060, TTL: time.Minute}, {ID: 900, TTL: time.Second}}, leases); d != "" {
		t.Errorf("leases (-want +got):\n%s", d)
	}
}
