package datadir

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// keyValue is what counts here of an mvccpb.KeyValue. Both slices are parts of what it was read from: to copy every value would cost more than
// all the rest of reading a database.
type keyValue struct {
	key, value []byte
	lease      int64
}

// The numbers of its fields: https://github.com/etcd-io/etcd/blob/v3.6.0/api/mvccpb/kv.proto.
const (
	keyField   = 1
	valueField = 5
	leaseField = 6
)

func parseKeyValue(message []byte) (keyValue, error) {
	var kv keyValue
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return kv, fmt.Errorf("parse tag: %w", protowire.ParseError(n))
		}
		message = message[n:]
		switch {
		case number == keyField && kind == protowire.BytesType:
			kv.key, n = protowire.ConsumeBytes(message)
		case number == valueField && kind == protowire.BytesType:
			kv.value, n = protowire.ConsumeBytes(message)
		case number == leaseField && kind == protowire.VarintType:
			var lease uint64
			lease, n = protowire.ConsumeVarint(message)
			kv.lease = int64(lease) //nolint:gosec // as etcd writes it
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return kv, fmt.Errorf("parse field %d: %w", number, protowire.ParseError(n))
		}
		message = message[n:]
	}
	return kv, nil
}
