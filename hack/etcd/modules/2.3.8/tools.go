//go:build tools

// Package tools pins the programs of etcd 2.3.8.
package tools

import (
	_ "github.com/coreos/etcd"
	_ "github.com/coreos/etcd/etcdctl"
)
