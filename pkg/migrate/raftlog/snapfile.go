package raftlog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// snapFiles are the snapshots, the newest first.
func snapFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.snap"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	slices.Sort(files)
	slices.Reverse(files)
	return files, nil
}

type reader func(path string) (*raftpb.Snapshot, error)

// readAhead reads the newest snapshot and gives it to use while the log is read: each of them can be hundreds of megabytes.
func readAhead(dir string, use func(*raftpb.Snapshot)) reader {
	files, err := snapFiles(dir)
	if err != nil || len(files) == 0 {
		return readSnap
	}
	var newest *raftpb.Snapshot
	done := make(chan struct{})
	go func() {
		defer close(done)
		if newest, err = readSnap(files[0]); err == nil {
			use(newest)
		}
	}()
	return func(path string) (*raftpb.Snapshot, error) {
		if path != files[0] {
			return readSnap(path)
		}
		<-done
		return newest, err
	}
}

// readSnap reads a snapshot file as etcd's snap.Read does, which keeps three copies of what is often the largest part of a
// member's data. Here the data is a part of what was read.
// See https://github.com/etcd-io/etcd/blob/v3.6.14/server/etcdserver/api/snap/snappb/snap.proto for the file, and
// https://github.com/etcd-io/raft/blob/v3.6.0/raftpb/raft.proto for what is in it.
func readSnap(path string) (*raftpb.Snapshot, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	var crc uint64
	var body []byte
	err = eachField(file, func(n protowire.Number, number uint64, data []byte) {
		switch n {
		case 1:
			crc = number
		case 2:
			body = data
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", path, err)
	}
	if crc == 0 || len(body) == 0 {
		return nil, fmt.Errorf("read snapshot %s: %w", path, snap.ErrEmptySnapshot)
	}
	if uint64(crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))) != crc {
		return nil, fmt.Errorf("read snapshot %s: %w", path, snap.ErrCRCMismatch)
	}
	s := &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{}}
	var meta []byte
	err = eachField(body, func(n protowire.Number, _ uint64, data []byte) {
		switch n {
		case 1:
			s.Data = data
		case 2:
			meta = data
		}
	})
	if err == nil {
		err = proto.Unmarshal(meta, s.GetMetadata())
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", path, err)
	}
	return s, nil
}

var errField = errors.New("a field is broken")

// eachField visits the fields of a message: numbers, and bytes without a copy.
func eachField(b []byte, visit func(n protowire.Number, number uint64, data []byte)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errField
		}
		b = b[size:]
		switch kind {
		case protowire.VarintType:
			number, size := protowire.ConsumeVarint(b)
			if size < 0 {
				return errField
			}
			visit(n, number, nil)
			b = b[size:]
		case protowire.BytesType:
			data, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return errField
			}
			visit(n, 0, data)
			b = b[size:]
		default:
			size := protowire.ConsumeFieldValue(n, kind, b)
			if size < 0 {
				return errField
			}
			b = b[size:]
		}
	}
	return nil
}
