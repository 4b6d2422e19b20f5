//go:build unix

package ui

import (
	"os"
	"os/signal"
	"syscall"
)

// continued tells when a process that was stopped by Ctrl-Z goes on.
func continued() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGCONT)
	return c
}
