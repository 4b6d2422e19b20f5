//go:build tools

// Package tools pins the programs of etcd 3.3.10.
package tools

import (
	_ "github.com/coreos/etcd"
)
