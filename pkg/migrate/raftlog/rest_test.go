package raftlog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

func TestReadRest(t *testing.T) {
	defer func(n int64) { wal.SegmentSizeBytes = n }(wal.SegmentSizeBytes)
	wal.SegmentSizeBytes = 1024
	m := newMember(t)
	m.save(1, 4, 4, strings.Repeat("a", 300)) // fills the first file, so that the next save is its last
	m.save(5, 6, 6, "b")
	m.save(7, 7, 6, "uncommitted")
	m.close()
	files, _ := filepath.Glob(filepath.Join(m.wal, "*.wal"))
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	kind := func(data []byte) []byte { return data[:1] }
	for index, want := range map[uint64]string{1: "aaabbu", 3: "abbu", 4: "bbu", 6: "u", 7: ""} {
		r, err := ReadRest(m.wal, index, kind)
		if err != nil || r == nil {
			t.Errorf("after %d: %v, %v", index, r, err)
			continue
		}
		if got := string(slices.Concat(r.Data...)); got != want || r.NodeID != 0xa || r.ClusterID != 0xc {
			t.Errorf("after %d: %q of %x in %x, not %q", index, got, r.NodeID, r.ClusterID, want)
		}
	}
	for _, index := range []uint64{0, 8, 100} {
		if r, err := ReadRest(m.wal, index, kind); r != nil || err != nil {
			t.Errorf("after %d, which is not there: %v, %v", index, r, err)
		}
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[700] ^= 1
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadRest(m.wal, 7, kind); r == nil || err != nil {
		t.Errorf("what is not needed is broken: %v, %v", r, err)
	}
	if _, err := ReadRest(m.wal, 3, kind); err == nil {
		t.Error("a broken file is read")
	}
}
