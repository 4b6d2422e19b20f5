package staticpod

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
)

// rooms are the sandboxes of one pod.
type rooms struct {
	mu  sync.Mutex
	are map[string]bool
	err error
}

func (r *rooms) set(are map[string]bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.are, r.err = are, err
}

func (r *rooms) PodOf(context.Context, string) (cri.Pod, error) { return cri.Pod{}, nil }

func (r *rooms) Sandboxes(context.Context, cri.Pod) (map[string]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.are, r.err
}

// TestHurry replaces a manifest, has the old pod end after a second and the new one begin after another number of them, and counts how often the kubelet is told.
func TestHurry(t *testing.T) {
	const before, after = "spec: {containers: [{image: 'a:1'}]}", "spec: {containers: [{image: 'a:2'}]}"
	for name, c := range map[string]struct {
		text   string
		ends   time.Duration
		begins time.Duration
		blind  bool
		told   int
	}{
		"the new one begins when it is told":     {after, time.Second, 3 * time.Second, false, 1},
		"it was told too early":                  {after, time.Second, 6 * time.Second, false, 2},
		"the old one takes its time":             {after, 20 * time.Second, 22 * time.Second, false, 1},
		"the new one does not begin":             {after, time.Second, time.Minute, false, tellTimes},
		"the new one begins at once":             {after, time.Second, time.Second, false, 0},
		"the old one had ended before":           {after, 0, 9 * time.Second, false, 0},
		"the manifest says the same":             {"# kubeadm\n" + before, time.Second, 9 * time.Second, false, 0},
		"the runtime does not answer for a time": {after, time.Second, 6 * time.Second, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "etcd.yaml")
				put := func(text string) {
					t.Helper()
					if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
						t.Fatal(err)
					}
				}
				put(before)
				r := &rooms{are: map[string]bool{"old": true, "older": false}}
				var log strings.Builder
				f := &follower{log: &log, runtime: r, manifest: path, pod: cri.Pod{Name: "etcd-cp-1"}}
				if err := f.look(); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					f.follow(ctx)
				}()
				time.Sleep(time.Second) // in a bubble
				if c.ends == 0 {
					r.set(map[string]bool{"old": false}, nil)
				}
				put(c.text)
				began := time.Now()
				time.Sleep(c.ends)
				r.set(map[string]bool{"old": false}, nil)
				if c.blind {
					r.set(nil, errors.New("no answer"))
					time.Sleep(3 * time.Second)
					r.set(map[string]bool{}, nil)
				}
				time.Sleep(c.begins - time.Since(began))
				r.set(map[string]bool{"old": false, "new": true}, nil)
				time.Sleep(time.Minute)
				cancel()
				<-done
				if told := strings.Count(log.String(), "told of "+path); told != c.told {
					t.Errorf("told %d times, want %d:\n%s", told, c.told, log.String())
				}
				if text, err := os.ReadFile(path); string(text) != c.text {
					t.Errorf("the manifest says %q, %v", text, err)
				}
				if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
					t.Errorf("%q are left", left)
				}
			})
		})
	}
}

// TestPutBack is what is done after having been killed between, and where somebody else was there meanwhile.
func TestPutBack(t *testing.T) {
	for name, c := range map[string]struct{ there, aside, want string }{
		"nothing was taken away":  {"now", "", "now"},
		"it was not put back":     {"", "old", "old"},
		"there is another one":    {"now", "old", "now"},
		"there has never been it": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "etcd.yaml")
			for p, text := range map[string]string{path: c.there, aside(path): c.aside} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := putBack(path); err != nil {
				t.Error(err)
			}
			if text, _ := os.ReadFile(path); string(text) != c.want {
				t.Errorf("it says %q, want %q", text, c.want)
			}
			if _, err := os.Stat(aside(path)); err == nil {
				t.Error("the copy is left")
			}
		})
	}
}
