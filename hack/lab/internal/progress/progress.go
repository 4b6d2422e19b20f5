// Package progress prints plain lines with the seconds since the start to stderr; stdout stays for results.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Log is a clock and a place to print to.
type Log struct {
	mu    sync.Mutex
	start time.Time
	out   io.Writer
}

// New starts the clock.
func New() *Log { return &Log{start: time.Now(), out: os.Stderr} }

// Say prints one line.
func (l *Log) Say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "[%6.1fs] %s\n", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
}
