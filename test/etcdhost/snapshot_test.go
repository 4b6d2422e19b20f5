//go:build realetcd

package etcdhost

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// TestSnapshot takes one, once, and notices what becomes of it.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"3.0.17", "3.5.35", "3.7.3"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			all := members(t, release, 1)
			m, h := all[0], all[0].host(t)
			start(t, all)
			m.put(t, "a", 20)
			ask := hostaction.EtcdSnapshot{Access: m.access(), Version: v(release), Path: filepath.Join(m.dir, "backup", "a.db"), DataDir: m.data}
			must(t, os.MkdirAll(filepath.Dir(ask.Path), 0o700))
			must(t, os.WriteFile(ask.Path+".part", []byte("what a killed try has left"), 0o600))
			got, err := h.Snapshot(t.Context(), ask)
			must(t, err)
			info, err := os.Stat(ask.Path)
			must(t, err)
			if !got.Verified || got.Keys != 20 || got.Revision != 21 || got.Hash == "" || got.Size != info.Size() || len(got.SHA256) != 64 || got.Path != ask.Path {
				t.Errorf("snapshot %+v", got)
			}
			var beside map[string]any
			text, err := os.ReadFile(ask.Path + ".json")
			must(t, err)
			must(t, json.Unmarshal(text, &beside))
			if beside["version"] != v(release).MinorString() || beside["hash"] != got.Hash {
				t.Errorf("manifest %s", text)
			}

			// Asked again it is not made again, and says the same.
			again, err := h.Snapshot(t.Context(), ask)
			must(t, err)
			after, err := os.Stat(ask.Path)
			must(t, err)
			if again.SHA256 != got.SHA256 || again.Revision != got.Revision || again.Hash != got.Hash || !os.SameFile(info, after) || !after.ModTime().Equal(info.ModTime()) {
				t.Errorf("the second time: %+v", again)
			}
			if _, err := h.Verify(t.Context(), hostaction.EtcdVerify{Path: ask.Path, SHA256: got.SHA256}); err != nil {
				t.Error(err)
			}
			if s, err := h.Verify(t.Context(), hostaction.EtcdVerify{Path: ask.Path, SHA256: strings.Repeat("0", 64)}); err == nil || s.Verified {
				t.Error("another file than the one that was taken passes")
			}
			broken, err := os.ReadFile(ask.Path)
			must(t, err)
			broken[len(broken)/2] ^= 1
			must(t, os.WriteFile(ask.Path, broken, 0o600))
			if s, err := h.Verify(t.Context(), hostaction.EtcdVerify{Path: ask.Path}); err == nil || s.Verified || !strings.Contains(err.Error(), "sum") {
				t.Errorf("a broken one passes: %v", err)
			}
			if _, err := h.Snapshot(t.Context(), ask); err == nil || !strings.Contains(err.Error(), "which is there already") {
				t.Errorf("a broken one counts as taken: %v", err)
			}
			if left, err := filepath.Glob(filepath.Join(m.dir, "backup", ".verify-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// TestBackup2 copies the directory of a member that has no database.
func TestBackup2(t *testing.T) {
	t.Parallel()
	all := members(t, "2.3.8", 1)
	m, h := all[0], all[0].host(t)
	start(t, all)
	for _, key := range []string{"a", "b", "c"} {
		resp, err := http.PostForm(m.client+"/v2/keys/"+key, url.Values{"value": {"x"}})
		must(t, err)
		resp.Body.Close()
	}
	ask := hostaction.EtcdSnapshot{Access: m.access(), Version: v("2.3.8"), Path: filepath.Join(m.dir, "backup", "v2"), DataDir: m.data}
	got, err := h.Snapshot(t.Context(), ask)
	must(t, err)
	if !got.Verified || got.Keys != 3 || got.Revision < 3 || got.Size == 0 {
		t.Errorf("copy %+v", got)
	}
	again, err := h.Snapshot(t.Context(), ask)
	must(t, err)
	if again.SHA256 != got.SHA256 {
		t.Errorf("the second time: %+v", again)
	}
	logs, err := filepath.Glob(filepath.Join(ask.Path, "member", "wal", "*.wal"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log in the copy: %v", err)
	}
	must(t, os.Truncate(logs[0], 100))
	if s, err := h.Verify(t.Context(), hostaction.EtcdVerify{Path: ask.Path}); err == nil || s.Verified {
		t.Error("a broken copy passes")
	}
}
