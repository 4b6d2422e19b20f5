package datadir

import (
	"bytes"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// FuzzKeyValue holds the parser against that of etcd's own type.
func FuzzKeyValue(f *testing.F) {
	for _, kv := range []*mvccpb.KeyValue{
		{},
		{Key: []byte("/registry/pods/a/b"), Value: []byte("value"), CreateRevision: 3, ModRevision: 1 << 40, Version: 2},
		{Key: []byte("k"), Lease: -1},
		{Key: []byte{0xff, 0}, Value: bytes.Repeat([]byte{0x80}, 300), Lease: 1<<63 - 1},
	} {
		data, err := proto.Marshal(kv)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
		f.Add(append(bytes.Clone(data), data...)) // of two, the last counts
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseKeyValue(data)
		want := &mvccpb.KeyValue{}
		if wantErr := proto.Unmarshal(data, want); (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, and etcd: %v", err, wantErr)
		}
		if err == nil && (!bytes.Equal(got.key, want.GetKey()) || !bytes.Equal(got.value, want.GetValue()) || got.lease != want.GetLease()) {
			t.Errorf("%q = %q, lease %d; etcd: %q = %q, lease %d", got.key, got.value, got.lease, want.GetKey(), want.GetValue(), want.GetLease())
		}
	})
}
