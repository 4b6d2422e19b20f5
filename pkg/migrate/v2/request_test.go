package v2

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// encode writes a request as etcd does: every field but the optional ones, whether set or not.
func encode(r Request) []byte {
	text := func(b []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	number := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	flag := func(b []byte, n protowire.Number, v *bool) []byte {
		if v == nil {
			return b
		}
		return number(b, n, protowire.EncodeBool(*v))
	}
	b := number(nil, 1, 7)
	b = text(b, 2, r.Method)
	b = text(b, 3, r.Path)
	b = text(b, 4, r.Val)
	b = number(b, 5, protowire.EncodeBool(r.Dir))
	b = text(b, 6, r.PrevValue)
	b = number(b, 7, r.PrevIndex)
	b = flag(b, 8, r.PrevExist)
	b = number(b, 9, uint64(r.Expiration)) //nolint:gosec // as protobuf does
	b = number(b, 12, protowire.EncodeBool(r.Recursive))
	b = number(b, 15, uint64(r.Time)) //nolint:gosec // as protobuf does
	return flag(b, 17, r.Refresh)
}

// wrap is what 3.0 to 3.5 put around a request.
func wrap(inner []byte) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 9)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), inner)
}

func TestDecodeEntry(t *testing.T) {
	yes, no := true, false
	for _, r := range []Request{
		{Method: "PUT", Path: "/1/a", Val: "\xff\x00 binary", PrevExist: &no},
		{Method: "PUT", Path: "/1/a", PrevExist: &yes, PrevIndex: 1 << 63, PrevValue: "old", Refresh: &yes},
		{Method: "POST", Path: "/1/q", Dir: true, Expiration: -5},
		{Method: "DELETE", Path: "/1/a", Recursive: true},
		{Method: "QGET", Path: "/1"},
		{Method: "SYNC", Time: 1500000000000000000},
	} {
		for name, data := range map[string][]byte{"2.x": encode(r), "3.x": wrap(encode(r))} {
			got, err := DecodeEntry(data)
			if err != nil {
				t.Fatalf("%s %s: %v", name, r.Method, err)
			}
			if d := cmp.Diff(&r, got); d != "" {
				t.Errorf("%s %s (-want +got):\n%s", name, r.Method, d)
			}
		}
	}
}

func TestDecodeEntryOfTheV3API(t *testing.T) {
	put := protowire.AppendBytes(protowire.AppendTag(wrap(nil)[:2], 4, protowire.BytesType), []byte("\x0a\x01k"))
	for _, data := range [][]byte{nil, put} {
		if r, err := DecodeEntry(data); r != nil || err != nil {
			t.Errorf("%x: %+v, %v", data, r, err)
		}
	}
}

func TestDecodeEntryRefuses(t *testing.T) {
	for name, data := range map[string][]byte{
		"cut off":        encode(Request{Method: "PUT", Path: "/1/a"})[:9],
		"unknown method": wrap(encode(Request{Method: "PATCH"})),
		"no field":       {0xff},
	} {
		if r, err := DecodeEntry(data); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(encode(Request{Method: "PUT", Path: "/1/a", Val: "v"}))
	f.Add(wrap(encode(Request{Method: "SYNC", Time: 1})))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeEntry(data)
		if err != nil || r == nil {
			return
		}
		again, err := DecodeEntry(encode(*r))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, again); d != "" {
			t.Errorf("(-first +again):\n%s", d)
		}
	})
}

func TestLeftover(t *testing.T) {
	for want, list := range map[bool][]Request{
		false: {{Method: "PUT", Path: "/0/members/8e9e05c52164694d/attributes"}, {Method: "PUT", Path: "/0/version"}},
		true:  {{Method: "PUT", Path: "/1/a"}, {Method: "SYNC"}, {Method: "DELETE", Path: "/0/version"}, {Method: "PUT", Path: "/0/members/8e9e05c52164694d/raftAttributes"}},
	} {
		for _, r := range list {
			if got := Leftover(&r); got != want {
				t.Errorf("%s %s: %t", r.Method, r.Path, got)
			}
		}
	}
}

// TestTrim keeps what is asked of an entry, and little else of the v3 API's.
func TestTrim(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 1<<20)
	put := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
	put = protowire.AppendBytes(protowire.AppendTag(put, 4, protowire.BytesType), long)
	got := Trim(put)
	if r, err := DecodeEntry(got); len(got) > 16 || r != nil || err != nil || !IsV3Put(got) {
		t.Errorf("%d bytes, %+v, %v", len(got), r, err)
	}
	v2 := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "PUT")
	v2 = protowire.AppendBytes(protowire.AppendTag(v2, 4, protowire.BytesType), long)
	wrapped := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), v2)
	broken := append(bytes.Clone(put), 0xff)
	for name, data := range map[string][]byte{"a v2 request": v2, "one that 3.x has wrapped": wrapped, "broken": broken, "short": put[:2]} {
		if !bytes.Equal(Trim(data), data) {
			t.Errorf("%s is changed", name)
		}
	}
}
