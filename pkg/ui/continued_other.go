//go:build !unix

package ui

import "os"

// continued is nil where no process is stopped by its terminal.
func continued() <-chan os.Signal { return nil }
