//go:build tools

// Package tools pins the programs of etcd 3.4.3.
package tools

import (
	_ "go.etcd.io/etcd"
)
