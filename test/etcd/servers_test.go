//go:build realetcd

package etcd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/server"
)

// releases are those that can be built. 3.4.16 is the newest of 3.4 that is to be had as a Go module.
var releases = []string{"2.3.8", "3.0.17", "3.1.20", "3.2.32", "3.3.27", "3.4.16", "3.5.35", "3.6.16", "3.7.3"}

const limit = 2 * time.Minute

// binDir is where "make test-etcd" has put the programs.
func binDir(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("ETCD_BIN_DIR")
	if dir == "" {
		tb.Fatal("ETCD_BIN_DIR is not set: run make test-etcd")
	}
	return dir
}

func minorOf(version string) string { return version[:strings.LastIndex(version, ".")] }

// running is a server that a test talks to.
type running struct {
	*server.Server
	t       testing.TB
	version string
	stopped bool
}

// start runs a release on a directory. urls are what it told its clients before, if it ran before.
func start(tb testing.TB, version, dir string, urls []string, extra ...string) *running {
	tb.Helper()
	s, err := server.Start(tb.Context(), server.Options{Binary: filepath.Join(binDir(tb), "etcd-"+version), Version: version, DataDir: dir, Name: "m1", ClientURLs: urls, Extra: extra})
	if err != nil {
		tb.Fatal(err)
	}
	r := &running{Server: s, t: tb, version: version}
	tb.Cleanup(func() {
		if !r.stopped {
			s.Kill()
		}
	})
	ctx, cancel := context.WithTimeout(tb.Context(), limit)
	defer cancel()
	if err := s.Await(ctx); err != nil {
		tb.Fatal(err)
	}
	return r
}

func (r *running) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r.stopped = true
	if err := r.Stop(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) client() *clientv3.Client {
	r.t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{r.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// v2 asks the v2 API.
func (r *running) v2(method, key string, form url.Values) (*v2Answer, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	target := r.Endpoint + "/v2/keys" + (&url.URL{Path: key}).EscapedPath()
	var body io.Reader
	if method == http.MethodGet || method == http.MethodDelete {
		target += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &v2Answer{}
	if err := json.NewDecoder(resp.Body).Decode(a); err != nil {
		return nil, err
	}
	if _, err := fmt.Sscan(resp.Header.Get("X-Etcd-Index"), &a.Index); err != nil {
		return nil, fmt.Errorf("%s %s: %s without an index", method, key, resp.Status)
	}
	return a, nil
}

// set writes through the v2 API.
func (r *running) set(method, key string, pairs ...string) *v2Answer {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	a, err := r.v2(method, key, form)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

type v2Answer struct {
	ErrorCode int `json:"errorCode"`
	Index     uint64
	Node      v2Node `json:"node"`
}

type v2Node struct {
	Key           string   `json:"key"`
	Value         *string  `json:"value"`
	Dir           bool     `json:"dir"`
	TTL           int64    `json:"ttl"`
	Nodes         []v2Node `json:"nodes"`
	CreatedIndex  uint64   `json:"createdIndex"`
	ModifiedIndex uint64   `json:"modifiedIndex"`
}

// item is one key as clients see it.
type item struct {
	Key, Value  string
	Create, Mod int64
	Version     int64
	TTL         int64 // seconds left, 0 for a key that stays
}

// dump is everything that a server serves.
type dump struct {
	Items    []item
	Revision int64
	Leases   map[int64]int64
	Members  []string
	URLs     []string
}

// dumpV2 reads through the v2 API. Hidden keys have to be named, since no listing shows them.
func (r *running) dumpV2(hidden ...string) dump {
	r.t.Helper()
	var d dump
	var walk func(n v2Node, ttl int64)
	walk = func(n v2Node, ttl int64) {
		if n.TTL > 0 && (ttl == 0 || n.TTL < ttl) {
			ttl = n.TTL
		}
		if !n.Dir {
			d.Items = append(d.Items, item{Key: n.Key, Value: *n.Value, Create: int64(n.CreatedIndex), Mod: int64(n.ModifiedIndex), Version: 1, TTL: ttl})
		}
		for _, c := range n.Nodes {
			walk(c, ttl)
		}
	}
	for _, key := range append([]string{"/"}, hidden...) {
		a, err := r.v2(http.MethodGet, key, url.Values{"recursive": {"true"}})
		if err != nil || a.ErrorCode != 0 {
			r.t.Fatalf("read %s: error %d, %v", key, a.ErrorCode, err)
		}
		walk(a.Node, 0)
		d.Revision = int64(a.Index)
	}
	d.sort()
	d.Members, d.URLs = r.membersV2()
	return d
}

func (r *running) membersV2() (list, urls []string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.Endpoint+"/v2/members", http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Members []struct {
			ID         string   `json:"id"`
			Name       string   `json:"name"`
			PeerURLs   []string `json:"peerURLs"`
			ClientURLs []string `json:"clientURLs"`
		} `json:"members"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		r.t.Fatal(err)
	}
	for _, m := range answer.Members {
		list = append(list, fmt.Sprint(m.ID, m.Name, m.PeerURLs, m.ClientURLs))
		urls = append(urls, m.ClientURLs...)
	}
	return list, urls
}

func (d *dump) sort() {
	slices.SortFunc(d.Items, func(a, b item) int { return cmp.Compare(a.Key, b.Key) })
}

// dumpV3 reads through the v3 API.
func (r *running) dumpV3() dump {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	c := r.client()
	d := dump{Leases: map[int64]int64{}}
	for from := "\x00"; ; {
		resp, err := c.Get(ctx, from, clientv3.WithFromKey(), clientv3.WithLimit(1000))
		if errors.Is(err, rpctypes.ErrNotCapable) {
			continue // up to 3.5, a server learns what it can do just after it learned the cluster's version
		}
		if err != nil {
			r.t.Fatalf("read keys of etcd %s: %v", r.version, err)
		}
		d.Revision = resp.Header.GetRevision()
		for _, kv := range resp.Kvs {
			i := item{Key: string(kv.Key), Value: string(kv.Value), Create: kv.CreateRevision, Mod: kv.ModRevision, Version: kv.Version}
			if kv.Lease != 0 {
				if _, known := d.Leases[kv.Lease]; !known {
					d.Leases[kv.Lease] = r.ttl(ctx, c, kv.Lease)
				}
				i.TTL = d.Leases[kv.Lease]
			}
			d.Items = append(d.Items, i)
		}
		if !resp.More {
			break
		}
		from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
	}
	members, err := c.MemberList(ctx)
	if err != nil {
		r.t.Fatalf("list members of etcd %s: %v", r.version, err)
	}
	for _, m := range members.Members {
		d.Members = append(d.Members, fmt.Sprint(fmt.Sprintf("%x", m.ID), m.Name, m.PeerURLs, m.ClientURLs))
		d.URLs = append(d.URLs, m.ClientURLs...)
	}
	d.sort()
	return d
}

// ttl asks for the time that a lease has left; 3.0 cannot be asked.
func (r *running) ttl(ctx context.Context, c *clientv3.Client, id int64) int64 {
	r.t.Helper()
	if r.version < "3.1" {
		return -1
	}
	resp, err := c.TimeToLive(ctx, clientv3.LeaseID(id))
	if err != nil {
		r.t.Fatalf("ask for lease %x: %v", id, err)
	}
	return resp.TTL
}
