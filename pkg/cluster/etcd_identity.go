package cluster

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // etcd's own way to make an ID
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// EtcdIdentity is who a member of a cluster that is made anew will be.
type EtcdIdentity struct{ Member, Cluster uint64 }

// EtcdIdentify computes the IDs that the members of a new cluster have, as etcd does: from their peer URLs and the token. members are name=URL; one of them is name.
// https://github.com/etcd-io/etcd/blob/v3.6.14/server/etcdserver/api/membership/member.go
func EtcdIdentify(name string, members []string, token string) (EtcdIdentity, error) {
	urls := map[string][]string{}
	for _, m := range members {
		name, url, ok := strings.Cut(m, "=")
		if !ok {
			return EtcdIdentity{}, fmt.Errorf("parse member %q: want NAME=URL", m)
		}
		urls[name] = append(urls[name], url)
	}
	if urls[name] == nil {
		return EtcdIdentity{}, fmt.Errorf("restore member %s: it is not among the members %s", name, strings.Join(members, ","))
	}
	var ids []uint64
	var out EtcdIdentity
	for n, u := range urls {
		slices.Sort(u)
		id := etcdHash([]byte(strings.Join(u, "") + cmp.Or(token, "etcd-cluster")))
		ids = append(ids, id)
		if n == name {
			out.Member = id
		}
	}
	slices.Sort(ids)
	var all []byte
	for _, id := range ids {
		all = binary.BigEndian.AppendUint64(all, id)
	}
	out.Cluster = etcdHash(all)
	return out, nil
}

func etcdHash(b []byte) uint64 {
	sum := sha1.Sum(b) //nolint:gosec // etcd's own way to make an ID
	return binary.BigEndian.Uint64(sum[:8])
}
