//go:build tools

// Package tools pins the programs of etcd 3.4.16.
package tools

import (
	_ "go.etcd.io/etcd"
	_ "go.etcd.io/etcd/etcdctl"
)
