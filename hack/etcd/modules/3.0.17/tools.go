//go:build tools

// Package tools pins the programs of etcd 3.0.17.
package tools

import (
	_ "github.com/coreos/etcd"
	_ "github.com/coreos/etcd/etcdctl"
)
