package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Logs keeps the output of every step in a file of its own on the operator's machine.
type Logs struct {
	dir   string
	mu    sync.Mutex
	files map[string]*os.File
}

// stateDir is where this machine keeps what it knows of a cluster: $XDG_STATE_HOME/kubectl-upgrade/CLUSTER.
func stateDir(clusterUID string) (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find directory for state: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "kubectl-upgrade", clusterUID), nil
}

// OpenLogs makes the directory for a run under the cluster's.
func OpenLogs(clusterUID, run string) (*Logs, error) {
	dir, err := stateDir(clusterUID)
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, run)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for logs: %w", err)
	}
	return &Logs{dir: dir, files: map[string]*os.File{}}, nil
}

// Dir is where the logs are.
func (l *Logs) Dir() string { return l.dir }

// Path is the log file of a step.
func (l *Logs) Path(step string) string {
	return filepath.Join(l.dir, strings.ReplaceAll(step, "/", "_")+".log")
}

// Append adds one line to the log of a step.
func (l *Logs) Append(step, line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.files[step]
	if !ok {
		var err error
		if f, err = os.OpenFile(l.Path(step), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("open log of step %s: %w", step, err)
		}
		l.files[step] = f
	}
	_, err := fmt.Fprintln(f, line)
	return err
}

// Close closes the files.
func (l *Logs) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		f.Close()
	}
	clear(l.files)
}
