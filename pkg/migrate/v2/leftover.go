package v2

import "regexp"

var memberAttributes = regexp.MustCompile(`^/0/members/[0-9a-f]+/attributes$`)

// Leftover says whether etcd 3.6 panics when it finds the request in its log. It takes two: a member that publishes its
// name, and the cluster's version. See https://github.com/etcd-io/etcd/blob/v3.6.14/server/etcdserver/apply_v2.go
// and https://github.com/etcd-io/etcd/issues/20809.
func Leftover(r *Request) bool {
	return r.Method != "PUT" || r.Path != "/0/version" && !memberAttributes.MatchString(r.Path)
}
