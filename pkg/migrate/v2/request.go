package v2

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Request is one write of the v2 API as the log holds it. etcd 3.7 has no such message any more; this is that of
// https://github.com/etcd-io/etcd/blob/v2.3.8/etcdserver/etcdserverpb/etcdserver.proto.
type Request struct {
	Method, Path, Val, PrevValue string
	PrevIndex                    uint64
	PrevExist, Refresh           *bool
	Dir, Recursive               bool
	Expiration, Time             int64
}

var methods = map[string]bool{"POST": true, "PUT": true, "DELETE": true, "QGET": true, "SYNC": true}

var errNotV2 = errors.New("not a v2 request")

// DecodeEntry returns the v2 request of a log entry, or nil when the entry is one of the v3 API or empty.
// 2.x wrote the request itself, 3.0 to 3.5 wrapped it as field 2 of a message in which the request's own field 2, the
// method, would not parse as one.
func DecodeEntry(data []byte) (*Request, error) {
	if len(data) == 0 {
		return nil, nil //nolint:nilnil // an empty entry is what a new leader writes
	}
	var inner []byte
	err := fields(data, func(n protowire.Number, v value) error {
		if n == 2 && v.bytes != nil {
			inner = v.bytes
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("parse log entry: %w", err)
	}
	if inner == nil {
		return nil, nil //nolint:nilnil // a v3 request
	}
	if methods[string(inner)] {
		return parseRequest(data)
	}
	r, err := parseRequest(inner)
	if errors.Is(err, errNotV2) {
		return nil, fmt.Errorf("parse log entry: method %q is unknown", r.Method)
	}
	return r, err
}

func parseRequest(data []byte) (*Request, error) {
	r := &Request{}
	err := fields(data, func(n protowire.Number, v value) error {
		switch n {
		case 2:
			r.Method = string(v.bytes)
		case 3:
			r.Path = string(v.bytes)
		case 4:
			r.Val = string(v.bytes)
		case 5:
			r.Dir = v.varint != 0
		case 6:
			r.PrevValue = string(v.bytes)
		case 7:
			r.PrevIndex = v.varint
		case 8:
			b := v.varint != 0
			r.PrevExist = &b
		case 9:
			r.Expiration = int64(v.varint) //nolint:gosec // that is how protobuf writes an int64
		case 12:
			r.Recursive = v.varint != 0
		case 15:
			r.Time = int64(v.varint) //nolint:gosec // that is how protobuf writes an int64
		case 17:
			b := v.varint != 0
			r.Refresh = &b
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("parse v2 request: %w", err)
	}
	if !methods[r.Method] {
		return r, errNotV2
	}
	return r, nil
}

// value is that of a field, by its wire type.
type value struct {
	varint uint64
	bytes  []byte
}

func fields(data []byte, visit func(protowire.Number, value) error) error {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var v value
		switch typ {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(num, typ, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := visit(num, v); err != nil {
			return err
		}
	}
	return nil
}

// IsV3Put says whether the entry writes a key through the v3 API. That is the one kind of request after which every release
// notes in its database how far it has come; 3.0 to 3.4 do not after others.
func IsV3Put(data []byte) bool {
	const put = 4 // of https://github.com/etcd-io/etcd/blob/v3.4.45/etcdserver/etcdserverpb/raft_internal.proto
	found := false
	err := fields(data, func(n protowire.Number, v value) error {
		found = found || n == put && v.bytes != nil
		return nil
	})
	if err != nil {
		return false
	}
	r, err := DecodeEntry(data)
	return found && r == nil && err == nil
}

// IsV3 says whether the entry asks for something of the v3 API, or of what nobody knows. An empty one asks for nothing.
func IsV3(data []byte) bool {
	r, err := DecodeEntry(data)
	return len(data) > 0 && (r == nil || err != nil)
}

// longest is what an entry of the v3 API may have before Trim makes it shorter (bytes).
const longest = 1 << 10

// Trim leaves of a request of the v3 API which kinds of requests it is made of, for IsV3Put: its values are in the database too, or will be once a
// server has read the log. What is not of the v3 API stays as it is.
func Trim(data []byte) []byte {
	if len(data) <= longest {
		return data
	}
	if r, err := DecodeEntry(data); r != nil || err != nil {
		return data
	}
	var out []byte
	for rest := data; len(rest) > 0; {
		num, typ, tag := protowire.ConsumeTag(rest)
		size := protowire.ConsumeFieldValue(num, typ, rest[tag:]) // both were read before
		if typ == protowire.BytesType {
			out = protowire.AppendBytes(protowire.AppendTag(out, num, typ), nil)
		} else {
			out = append(out, rest[:tag+size]...)
		}
		rest = rest[tag+size:]
	}
	return out
}
