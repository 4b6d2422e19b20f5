//go:build realetcd

package etcd

import (
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

// TestAuth does not pass over users of the v2 API, nor over what others than Kubernetes have there, in silence.
func TestAuth(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	fillV2(r)
	for path, body := range map[string]string{"/v2/auth/users/root": `{"user":"root","password":"secret"}`, "/v2/auth/users/web": `{"user":"web","password":"secret"}`,
		"/v2/auth/roles/web": `{"role":"web","permissions":{"kv":{"read":["/registry/*"],"write":[]}}}`} {
		put(t, r.Endpoint+path, body)
	}
	put(t, r.Endpoint+"/v2/auth/enable", "")
	want := r.dumpV2(hidden...)
	r.stop()
	if v := inspect(t, dir).V2; !v.AuthEnabled || v.Users != 2 || v.Roles < 1 || v.Prefixes["/coreos.com/network"] != 1 {
		t.Errorf("inspect: %+v", v)
	}
	before := listing(t, dir)
	for _, command := range []string{"plan", "migrate"} {
		if code, out := cli(t, command, "--data-dir", dir, "--to", "3.6"); code != 3 || !strings.Contains(out, "asks for passwords (2 users, ") || !strings.Contains(out, "--drop-v2") {
			t.Errorf("%s: exit code %d: %s", command, code, out)
		}
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the directory has changed:\n%s\n%s", before, after)
	}
	o := options(t, dir, "3.6")
	o.DropV2 = true
	result, err := migrate.Migrate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"/coreos.com/network (1 keys)", "2 users and ", "empty directories"} {
		if !slices.ContainsFunc(result.Plan.Notes, func(n string) bool { return strings.Contains(n, note) }) {
			t.Errorf("nothing is said of %q: %q", note, result.Plan.Notes)
		}
	}
	serves(t, "3.6.16", dir, want)
}

// put asks until a server that has only just started is capable of it: 2.3 looks what its cluster is twice a second.
func put(t *testing.T, url, body string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, said := putOnce(t, url, body)
		if status < http.StatusBadRequest {
			return
		}
		if !strings.Contains(said, "Not capable") {
			t.Fatalf("put %s: %d: %s", url, status, said)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("put %s: %d: %s", url, status, said)
		case <-tick.C:
		}
	}
}

func putOnce(t *testing.T, url, body string) (status int, said string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
