package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
)

// ErrCorrupt marks a log that has lost something in its middle. Its end may be torn: a crash while writing does that.
var ErrCorrupt = errors.New("write-ahead log is corrupt")

// segment is one file of the log. Its name says the number of the file and the first index in it.
type segment struct {
	path       string
	seq, index uint64
}

func segments(dir string) ([]segment, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	slices.Sort(names)
	var list []segment
	for _, path := range names {
		s := segment{path: path}
		if n, err := fmt.Sscanf(filepath.Base(path), "%016x-%016x.wal", &s.seq, &s.index); err != nil || n != 2 {
			continue // etcd passes over strange names too
		}
		if k := len(list); k > 0 && s.seq != list[k-1].seq+1 {
			return nil, fmt.Errorf("%w: a file is missing between %s and %s", ErrCorrupt, filepath.Base(list[k-1].path), filepath.Base(path))
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read write-ahead log: no file in %s", dir)
	}
	return list, nil
}

// scan gives every record of the files to visit. torn says that the last file ends in a record that was not written
// to its end, which etcd cuts off when it starts. Anything else that cannot be read is an error.
func scan(list []segment, visit func(*walpb.Record) error) (torn bool, err error) {
	var crc uint32
	for i, s := range list {
		last := i == len(list)-1
		crc, err = s.scan(crc, i == 0, visit)
		switch {
		case err == nil:
		case last && errors.Is(err, io.ErrUnexpectedEOF):
			return true, nil
		default:
			return false, err
		}
	}
	return false, nil
}

// scan reads one file. Each begins with the sum of all before it.
func (s segment) scan(crc uint32, first bool, visit func(*walpb.Record) error) (uint32, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return 0, fmt.Errorf("open log file: %w", err)
	}
	defer f.Close()
	name := filepath.Base(s.path)
	d := wal.NewDecoder(fileutil.NewFileReader(f))
	rec := &walpb.Record{}
	for n := 0; ; n++ {
		err := d.Decode(rec)
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			// A file is renamed into place after its head was written and synced.
			return 0, fmt.Errorf("%w: %s has no head", ErrCorrupt, name)
		case errors.Is(err, io.EOF):
			return d.LastCRC(), nil
		case errors.Is(err, io.ErrUnexpectedEOF) && claims(f, d.LastOffset()) > wal.SegmentSizeBytes:
			return 0, fmt.Errorf("%w: %s at byte %d: a record says that it is larger than a file of the log", ErrCorrupt, name, d.LastOffset())
		case errors.Is(err, io.ErrUnexpectedEOF):
			return 0, fmt.Errorf("%w: %s at byte %d: %w", ErrCorrupt, name, d.LastOffset(), io.ErrUnexpectedEOF)
		case err != nil:
			return 0, fmt.Errorf("%w: %s at byte %d: %v", ErrCorrupt, name, d.LastOffset(), err)
		}
		if rec.GetType() == wal.CrcType {
			if have := d.LastCRC(); n > 0 && have != 0 && have != rec.GetCrc() || n == 0 && !first && crc != rec.GetCrc() {
				return 0, fmt.Errorf("%w: %s at byte %d: the sum does not continue", ErrCorrupt, name, d.LastOffset())
			}
			d.UpdateCRC(rec.GetCrc())
			continue
		}
		if err := visit(rec); err != nil {
			return 0, fmt.Errorf("%w: %s at byte %d: %v", ErrCorrupt, name, d.LastOffset(), err)
		}
	}
}

// claims is the length that the record at an offset says it has. Its eight bytes are in one sector and so never torn themselves; the
// highest of them is for padding.
func claims(f io.ReaderAt, offset int64) int64 {
	var b [8]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(b[:]) &^ (0xff << 56)) //nolint:gosec // 56 bits
}
