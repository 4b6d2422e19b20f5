//go:build tools

// Package tools pins the programs of etcd 3.3.27.
package tools

import (
	_ "github.com/coreos/etcd"
	_ "github.com/coreos/etcd/etcdctl"
)
