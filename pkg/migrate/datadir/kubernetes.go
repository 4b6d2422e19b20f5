package datadir

import (
	"bytes"
	"encoding/json"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

// systemNamespace is the key of the namespace by whose UID a cluster of Kubernetes is known.
const systemNamespace = Prefix + "/namespaces/kube-system"

// uidOf reads the UID of an object as an API server stores it; it is empty where that is encrypted, or nothing of Kubernetes'.
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apimachinery/pkg/runtime/serializer/protobuf/doc.go
func uidOf(value []byte) string {
	raw, ok := bytes.CutPrefix(value, []byte("k8s\x00"))
	if !ok {
		var o struct {
			Metadata struct {
				UID string `json:"uid"`
			} `json:"metadata"`
		}
		if json.Unmarshal(value, &o) != nil {
			return ""
		}
		return o.Metadata.UID
	}
	// The object is field 2 of what wraps it, its metadata field 1, and the UID field 5 of that.
	for _, n := range []protowire.Number{2, 1, 5} {
		if raw = field(raw, n); raw == nil {
			return ""
		}
	}
	return string(raw)
}

// field gives the bytes of a field of a message; nil when it has none.
func field(message []byte, want protowire.Number) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == want && kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return nil
			}
			return value
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

// ReadMembers reads only who the members are that a database knows, those that were never started left out.
func ReadMembers(path string) ([]v2.Member, error) {
	db, err := read(path, 0, func(db *Database, _ *bolt.DB, tx *bolt.Tx) error { return db.readMembers(tx) })
	if err != nil {
		return nil, err
	}
	var out []v2.Member
	for _, m := range db.Members {
		if m.Name != "" && len(m.PeerURLs) > 0 {
			out = append(out, m)
		}
	}
	return out, nil
}
