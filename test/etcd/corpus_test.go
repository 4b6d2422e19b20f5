//go:build realetcd

package etcd

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

var keys = flag.Int("keys", 20_000, "how many keys TestCorpus writes beside the odd ones")

// writers is how many keys are written at once: a server waits for its disk once for all of them.
const writers = 64

// fillMany writes many keys in directories.
func fillMany(r *running, n int) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range writers {
		wg.Go(func() {
			for i := range next {
				key := fmt.Sprintf("/registry/many/%03d/%06d", i%500, i)
				if a, err := r.v2(http.MethodPut, key, map[string][]string{"value": {strings.Repeat(fmt.Sprint(i, " "), 20)}}); err != nil || a.ErrorCode != 0 {
					r.t.Errorf("write %s: %+v, %v", key, a, err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// fillOdd writes what is at the edges of the v2 API.
func fillOdd(r *running) {
	deep := "/registry"
	for i := range 40 {
		deep += fmt.Sprint("/d", i)
		r.set(http.MethodPut, deep+"/leaf", "value", fmt.Sprint("at depth ", i))
	}
	r.set(http.MethodPut, "/registry/bytes", "value", everyByte())
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same every time
	for _, size := range []int{1, 4095, 4096, 4097, 1 << 20} {
		value := make([]byte, size)
		for i := range value {
			value[i] = byte(random.UintN(128))
		}
		r.set(http.MethodPut, fmt.Sprint("/registry/size/", size), "value", string(value))
	}
	for i := range 300 {
		prev := []string{"prevExist", "false"}
		if i > 0 {
			prev = []string{"prevValue", fmt.Sprint("count ", i-1)}
		}
		if a := r.set(http.MethodPut, "/registry/counter", append(prev, "value", fmt.Sprint("count ", i))...); a.ErrorCode != 0 {
			r.t.Fatalf("count to %d: error %d", i, a.ErrorCode)
		}
	}
	for i := range 50 {
		r.set(http.MethodPut, "/registry/again", "value", fmt.Sprint(i))
		if a := r.set(http.MethodDelete, "/registry/again", "prevValue", "something else"); a.ErrorCode == 0 {
			r.t.Fatal("a delete with the wrong value went through")
		}
		if a := r.set(http.MethodDelete, "/registry/again", "prevValue", fmt.Sprint(i)); a.ErrorCode != 0 {
			r.t.Fatalf("delete in turn %d: error %d", i, a.ErrorCode)
		}
	}
	r.set(http.MethodPut, "/registry/again", "value", "and stays")
	for range 300 {
		r.set(http.MethodPost, "/queue/in-order", "value", "x")
	}
	r.set(http.MethodPut, "/registry/refreshed", "value", "x", "ttl", "100")
	r.set(http.MethodPut, "/registry/refreshed", "ttl", "4000", "refresh", "true", "prevExist", "true")
	r.set(http.MethodPut, "/registry/kept", "value", "x", "ttl", "100")
	r.set(http.MethodPut, "/registry/kept", "value", "for good", "ttl", "", "prevExist", "true")
}

func everyByte() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}

// TestCorpus takes over all of it: from a snapshot with a long log after it, and from a log alone.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"snapshot and log": *keys/2 + 1000, "log": 10 * *keys} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			r := start(t, "2.3.8", dir, nil, "--snapshot-count", fmt.Sprint(count))
			fillOdd(r)
			fillMany(r, *keys)
			fillV2(r)
			want := r.dumpV2(hidden...)
			r.stop()
			if count > *keys { // a server writes JSON in its answers and snapshots, which cannot hold every byte; its log can, and nothing is lost
				for i := range want.Items {
					if want.Items[i].Key == "/registry/bytes" {
						want.Items[i].Value = everyByte()
					}
				}
			}
			if snapshot := inspect(t, dir).Log.Snapshot; (snapshot != nil) != (count < *keys) {
				t.Errorf("a snapshot every %d: %v", count, snapshot != nil)
			}
			serves(t, "3.7.3", migrated(t, dir, "3.7", migrate.Auto), want)
			serves(t, "3.3.27", migrated(t, dir, "3.3", migrate.Stepwise), want)
		})
	}
}

// TestExpiring takes over keys that have seconds left, and keys whose time ends while no server runs. They go, the others stay.
func TestExpiring(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	r.set(http.MethodPut, "/registry/stays", "value", "for good")
	r.set(http.MethodPut, "/registry/long", "value", "x", "ttl", "3000")
	r.set(http.MethodPut, "/registry/short", "value", "x", "ttl", "20")
	r.set(http.MethodPut, "/registry/over", "value", "x", "ttl", "1")
	began := time.Now()
	_, urls := r.membersV2()
	r.stop()
	over := inspect(t, dir)
	if over.V2.KeysWithTTL != 3 {
		t.Fatalf("%d keys have a time to live", over.V2.KeysWithTTL)
	}
	eventually(t, "wait for a key's time to be over", func(context.Context) bool { return time.Since(began) > 1100*time.Millisecond })
	target := migrated(t, dir, "3.6", migrate.Auto)
	r = start(t, "3.6.16", target, urls)
	for _, i := range r.dumpV3().Items {
		left := map[string]int64{"/registry/stays": 0, "/registry/long": 3000, "/registry/short": 20, "/registry/over": 2}[i.Key] // no lease of etcd is shorter than 2s, and they end at whole seconds
		if i.TTL > left+1 || left > 100 && i.TTL < left-100 {
			t.Errorf("%s has %ds left, of %d", i.Key, i.TTL, left)
		}
	}
	c := r.client()
	for _, key := range []string{"/registry/over", "/registry/short"} {
		eventually(t, "wait for "+key+" to go", func(ctx context.Context) bool {
			resp, err := c.Get(ctx, key)
			return err == nil && resp.Count == 0
		})
	}
	if short := time.Since(began); short < 19*time.Second {
		t.Errorf("a key with 20s to live went after %s", short)
	}
	for _, key := range []string{"/registry/stays", "/registry/long"} {
		if resp, err := c.Get(t.Context(), key); err != nil || resp.Count != 1 {
			t.Errorf("%s is gone, %v", key, err)
		}
	}
	r.stop()
}
