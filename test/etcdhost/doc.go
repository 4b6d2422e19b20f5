// Package etcdhost tries what the agent does with the etcd member of a host on real servers on loopback, which run as processes, as members without a
// service do. What needs a kubelet or systemd is tried on real clusters. The tests have the build tag realetcd; "make test-etcd" runs them.
package etcdhost
