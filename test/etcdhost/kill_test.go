//go:build realetcd

package etcdhost

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// replaceKilled runs a replacement in a process of its own, which is killed after a time; zero lets it end.
func (m *member) replaceKilled(t *testing.T, a hostaction.EtcdReplace, after time.Duration) (string, error) {
	t.Helper()
	text, err := json.Marshal(job{string(m.work), string(m.units), a})
	must(t, err)
	path := filepath.Join(m.dir, "job.json")
	must(t, os.WriteFile(path, text, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	if after > 0 {
		ctx, cancel = context.WithTimeout(t.Context(), after)
	}
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), replaceFile+"="+path)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestReplaceKilled kills the replacement of one member of three at more and more instants: asked again, it ends well each time.
func TestReplaceKilled(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 3)
	start(t, all)
	w := write(t, all)
	m := all[1]
	a := m.replace("3.5.35", "3.6.16", all)
	kills := 0
	for after := 30 * time.Millisecond; ; after += after * 3 / 10 {
		out, err := m.replaceKilled(t, a, after)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("after %d kills: %v\n%s", kills, err, out)
		}
		kills++
	}
	m.is(t, "3.6.16")
	t.Logf("killed %d times", kills)
	w.check(t, all[0])
}

// TestGoingBackKilled kills the way back as well.
func TestGoingBackKilled(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 1)
	start(t, all)
	m := all[0]
	m.put(t, "a", 50)
	a := m.replace("3.5.35", "3.6.16", all, "--enable-v2=true")
	kills := 0
	for after := 100 * time.Millisecond; ; after += after * 3 / 10 {
		out, err := m.replaceKilled(t, a, after)
		if err == nil {
			t.Fatal("a flag that 3.6 does not know passes")
		}
		if strings.Contains(out, "runs as 3.5.35 again, as before, and is healthy") {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("after %d kills: %v\n%s", kills, err, out)
		}
		kills++
	}
	m.is(t, "3.5.35")
	if n := m.count(t, "a/"); n != 50 {
		t.Errorf("%d keys", n)
	}
	t.Logf("killed %d times", kills)
}
