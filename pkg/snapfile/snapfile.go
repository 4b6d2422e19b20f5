// Package snapfile reads the snapshots of raft that etcd keeps as files in member/snap. It links nothing of etcd's server.
package snapfile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// What is wrong with a file: nothing is in it, or its sum is of something else.
var (
	ErrEmpty = errors.New("the file is empty")
	ErrSum   = errors.New("the sum does not fit")
)

// List gives the files of a directory, the newest first.
func List(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.snap"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	slices.Sort(files)
	slices.Reverse(files)
	return files, nil
}

// Read reads a snapshot file as etcd's snap.Read does, which keeps three copies of what is often the largest part of a
// member's data. Here the data is a part of what was read.
// See https://github.com/etcd-io/etcd/blob/v3.6.14/server/etcdserver/api/snap/snappb/snap.proto for the file, and
// https://github.com/etcd-io/raft/blob/v3.6.0/raftpb/raft.proto for what is in it.
func Read(path string) (*raftpb.Snapshot, error) {
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
		return nil, fmt.Errorf("read snapshot %s: %w", path, ErrEmpty)
	}
	if uint64(crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))) != crc {
		return nil, fmt.Errorf("read snapshot %s: %w", path, ErrSum)
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
