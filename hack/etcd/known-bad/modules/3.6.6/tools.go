//go:build tools

// Package tools pins the programs of etcd 3.6.6.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
)
