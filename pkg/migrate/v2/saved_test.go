package v2

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
)

// full is a store with everything that a store can have, and what it writes into a snapshot.
func full(tb testing.TB, keys int) (v2store.Store, []byte) {
	tb.Helper()
	s := v2store.New(clusterPrefix, keysPrefix)
	set := func(path, value string, expires time.Time) {
		tb.Helper()
		if _, err := s.Set(path, false, value, v2store.TTLOptionSet{ExpireTime: expires}); err != nil {
			tb.Fatal(err)
		}
	}
	set("/0/version", "2.3.0", v2store.Permanent)
	set("/1/registry/_hidden/a", "hidden", v2store.Permanent)
	set("/1/registry/odd/a b+ü%2F\"", "line one\nline two \"quoted\" \\ <&> \u2028 ü \U0001F600 \x00\x7f", v2store.Permanent)
	set("/1/registry/broken", "half a character: \xc3", v2store.Permanent)
	set("/1/registry/empty", "", v2store.Permanent)
	set("/1/registry/events/e", "event", time.Date(2100, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)))
	set("/2/enabled", "true", v2store.Permanent)
	if _, err := s.Create("/1/nothing", true, "", false, v2store.TTLOptionSet{ExpireTime: time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		tb.Fatal(err)
	}
	for i := range keys {
		set(fmt.Sprintf("/1/registry/pods/namespace-%03d/pod-%06d", i%200, i), strings.Repeat("value ", 170), v2store.Permanent)
	}
	data, err := s.SaveNoCopy()
	if err != nil {
		tb.Fatal(err)
	}
	return s, data
}

// TestRecoverStore wants the store that encoding/json would have made, in what can be asked of it too.
func TestRecoverStore(t *testing.T) {
	_, data := full(t, 10)
	if _, err := parseSaved(data); err != nil {
		t.Fatal("what a store writes is not read by the fast way")
	}
	ours, theirs := v2store.New(clusterPrefix, keysPrefix), v2store.New(clusterPrefix, keysPrefix)
	if err := recoverStore(ours, data); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Recovery(data); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(s v2store.Store){
		func(v2store.Store) {},
		func(s v2store.Store) {
			s.DeleteExpiredKeys(time.Date(2100, 6, 1, 0, 0, 0, 0, time.UTC)) // one of two that expire
		},
		func(s v2store.Store) {
			if _, err := s.Delete("/1/registry/pods", true, true); err != nil {
				t.Error(err)
			}
			if _, err := s.Create("/1/registry/odd", false, "in order", true, v2store.TTLOptionSet{}); err != nil {
				t.Error(err)
			}
		},
	} {
		change(ours)
		change(theirs)
		if ours.Index() != theirs.Index() || ours.HasTTLKeys() != theirs.HasTTLKeys() {
			t.Errorf("index %d and %d", ours.Index(), theirs.Index())
		}
		a, err := nodes(ours)
		if err != nil {
			t.Fatal(err)
		}
		b, err := nodes(theirs)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, a); d != "" {
			t.Errorf("(-encoding/json +ours):\n%s", d)
		}
	}
}

// TestNodes wants what the store itself would write.
func TestNodes(t *testing.T) {
	s, data := full(t, 10)
	var saved struct{ Root *node }
	if err := json.Unmarshal(data, &saved); err != nil {
		t.Fatal(err)
	}
	got, err := nodes(s)
	if err != nil {
		t.Fatal(err)
	}
	// JSON has repaired it.
	got.Children["1"].Children["registry"].Children["broken"].Value = strings.ToValidUTF8("half a character: \xc3", "\ufffd")
	if d := cmp.Diff(saved.Root, got); d != "" {
		t.Errorf("(-saved +got):\n%s", d)
	}
}

// FuzzParseSaved never reads anything else than encoding/json does.
func FuzzParseSaved(f *testing.F) {
	_, data := full(f, 1)
	f.Add(data)
	frame := func(value string) []byte {
		return []byte(`{"Root":{"Path":"/","CreatedIndex":0,"Children":{"0":{"Path":"/0","Children":{}},"1":{"Path":"/1","Children":{"a":{"Path":"/1/a","Value":` + value + `}}}}},"CurrentIndex":7}`)
	}
	for _, v := range []string{`"v"`, `"\ud83d\ude00"`, `"\ud83dx"`, `"\u00zz"`, `null`, `"a","Value":"b"`, `"a","value":"b"`, `"a","Other":[1e5,{"x":null}]`, "\"\xc3\"", "\"\n\"", `"\/"`} {
		f.Add(frame(v))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseSaved(data)
		if err != nil {
			return
		}
		var want struct {
			Root         *node
			CurrentIndex uint64
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("encoding/json does not take it: %v", err)
		}
		if d := cmp.Diff(want.Root, got.root); d != "" || want.CurrentIndex != got.index {
			t.Errorf("index %d and %d (-encoding/json +ours):\n%s", want.CurrentIndex, got.index, d)
		}
	})
}

func BenchmarkRecover(b *testing.B) {
	_, data := full(b, 50_000)
	for name, way := range map[string]func(v2store.Store, []byte) error{"ours": recoverStore, "encoding-json": func(s v2store.Store, d []byte) error { return s.Recovery(d) }} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := way(v2store.New(clusterPrefix, keysPrefix), data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
