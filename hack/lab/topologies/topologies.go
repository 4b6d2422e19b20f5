// Package topologies carries the clusters the lab knows by name.
package topologies

import "embed"

// FS holds every *.yaml file of this folder.
//
//go:embed *.yaml
var FS embed.FS
