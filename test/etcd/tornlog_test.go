//go:build realetcd

package etcd

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

// The log may end in anything that a crash while writing leaves: that is no reason to refuse.
func TestTornLog(t *testing.T) {
	t.Parallel()
	origin := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", origin, nil)
	for i := range 20 {
		r.set(http.MethodPut, fmt.Sprintf("/registry/k%02d", i), "value", strings.Repeat("v", 300))
	}
	r.stopped = true
	r.Kill()
	files, err := filepath.Glob(filepath.Join(origin, "member/wal/*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	written := bytes.TrimRight(whole, "\x00")
	last := 20
	for cut := range min(4096, len(written)) {
		if err := os.WriteFile(files[0], written[:len(written)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := datadir.Inspect(datadir.Dir(origin))
		if err != nil {
			t.Fatalf("cut by %d: %v", cut, err)
		}
		// It only ever becomes less, one key after the other.
		if n := i.V2.Keys; n > last || n < last-1 {
			t.Fatalf("cut by %d: %d keys, after %d", cut, n, last)
		}
		last = i.V2.Keys
	}
	if last > 15 {
		t.Errorf("%d keys are left of 20 when 4096 bytes are gone", last)
	}
}
