//go:build realetcd

package etcd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/loopback"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/server"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, reached func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !reached(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// TestMembers tries members that no data directory should be made of: a learner, and one that was removed. The one that
// stays is fit for every release.
func TestMembers(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.4.16", "3.5.35", "3.6.16"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			first, second := filepath.Join(t.TempDir(), "m1"), filepath.Join(t.TempDir(), "m2")
			r := start(t, version, first, nil)
			fillV3(r)
			added := addLearner(t, r, version, second)
			added.Kill()
			refused(t, second, "is a learner")

			// Two members: each goes to the next minor as it is, together with the other, and no further.
			urls := r.dumpV3().URLs
			r.stop()
			next, far := releases[slices.Index(releases, version)+1], "3.7"
			if p, err := migrate.Preview(options(t, first, minorOf(next))); err != nil || len(p.Steps) > 0 {
				t.Errorf("to %s: %+v, %v", next, p, err)
			}
			if minorOf(next) != far {
				if _, err := migrate.Preview(options(t, first, far)); err == nil || !strings.Contains(err.Error(), "member by member") {
					t.Errorf("to %s: %v", far, err)
				}
			}

			r = start(t, version, first, urls[:1])
			c := r.client()
			id := learner(t, c)
			if _, err := c.MemberRemove(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			want := r.dumpV3()
			r.stop()
			target := migrated(t, first, far, migrate.Auto)
			if i := inspect(t, target); len(i.Members()) != 1 || len(i.Removed()) != 1 || i.Removed()[0] != id {
				t.Errorf("members %+v, removed %x", i.Members(), i.Removed())
			}
			serves(t, "3.7.3", target, want)
		})
	}
}

// TestRemoved takes the directory of a member that has seen its own removal.
func TestRemoved(t *testing.T) {
	t.Parallel()
	first, second := filepath.Join(t.TempDir(), "m1"), filepath.Join(t.TempDir(), "m2")
	r := start(t, "3.5.35", first, nil)
	c := r.client()
	fillV3(r)
	added := addLearner(t, r, "3.5.35", second)
	if _, err := c.MemberRemove(t.Context(), learner(t, c)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-added.Done():
	case <-time.After(limit):
		t.Fatal("the member that was removed goes on")
	}
	refused(t, second, "was removed from its cluster")
}

func learner(t *testing.T, c *clientv3.Client) uint64 {
	t.Helper()
	list, err := c.MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Members {
		if m.IsLearner {
			return m.ID
		}
	}
	t.Fatal("no member is a learner")
	return 0
}

// addLearner adds a second member that has no vote, and waits until it has everything.
func addLearner(t *testing.T, r *running, version, dir string) *server.Server {
	t.Helper()
	c := r.client()
	free, err := loopback.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	peer := "http://" + free[0]
	list, err := c.MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.MemberAddAsLearner(t.Context(), []string{peer}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(t.Context(), server.Options{Binary: filepath.Join(binDir(t), "etcd-"+version), Version: version, DataDir: dir, Name: "m2",
		Extra: []string{"--initial-cluster-state", "existing", "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", fmt.Sprintf("m1=%s,m2=%s", list.Members[0].PeerURLs[0], peer)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	there, err := clientv3.New(clientv3.Config{Endpoints: []string{s.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { there.Close() })
	eventually(t, "wait for the learner to catch up", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		have, err := there.Status(ctx, s.Endpoint)
		if err != nil {
			return false
		}
		want, err := c.Status(ctx, r.Endpoint)
		return err == nil && have.RaftAppliedIndex >= want.RaftAppliedIndex && have.Header.GetRevision() == want.Header.GetRevision()
	})
	return s
}

func refused(t *testing.T, dir, why string) {
	t.Helper()
	before := listing(t, dir)
	if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.7"); code != 3 || !strings.Contains(out, why) {
		t.Errorf("exit code %d, want 3 and %q: %s", code, why, out)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the directory has changed:\n%s\n%s", before, after)
	}
}

// TestUncommitted leaves out what a member of several has in its log without the others' consent: nobody was told that it is written.
func TestUncommitted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	fillV2(r)
	free, err := loopback.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(r.Endpoint+"/v2/members", "application/json", strings.NewReader(fmt.Sprintf(`{"peerURLs": ["http://%s"]}`, free[0])))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
	want := r.dumpV2(hidden...)
	if a, err := r.v2(http.MethodPut, "/registry/never", url.Values{"value": {"agreed to"}}); err == nil && a.ErrorCode == 0 {
		t.Fatal("one member of two has confirmed a write")
	}
	r.stopped = true
	r.Kill()
	if got := inspect(t, dir).Raft.Uncommitted; got == 0 {
		t.Fatal("the write is not in the log")
	}
	dir = migrated(t, dir, "3.6", migrate.Auto)

	file, alone := filepath.Join(t.TempDir(), "snapshot.db"), t.TempDir()
	if _, err := migrate.Save(t.Context(), options(t, dir, ""), file); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.RestoreSnapshot(options(t, alone, ""), file, migrate.Member{Name: "m1", PeerURL: "http://127.0.0.1:2380"}, 0, false); err != nil {
		t.Fatal(err)
	}
	s := start(t, "3.6.16", alone, nil)
	got := s.dumpV3()
	got.Members = want.Members
	same(t, want, got)
	s.stop()
}
