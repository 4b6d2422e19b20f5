package manifest

import (
	"bytes"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff shows the change of a file as a unified diff; empty when there is none.
func Diff(name string, before, after []byte) string {
	d := diff.Diff(name, before, name, after)
	// Its first line names a command that nobody has run.
	if bytes.HasPrefix(d, []byte("diff ")) {
		_, d, _ = bytes.Cut(d, []byte("\n"))
	}
	return string(d)
}
