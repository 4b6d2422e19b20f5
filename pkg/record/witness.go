package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// witness is a locked file on the operator's machine that holds the token of this machine's last run on the cluster. The
// operating system lets go of it when the process ends, in whatever way: whoever gets it knows that the run of that token is dead.
type witness struct {
	lock *flock.Flock
	path string
	// token is what the file said before.
	token string
}

// newWitness gives nil when another process on this machine has the file: it is alive, and the lock in the cluster decides.
func newWitness(clusterUID string) (*witness, error) {
	dir, err := stateDir(clusterUID)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for the lock: %w", err)
	}
	// The token has a file of its own: on Windows a locked file cannot be read.
	w := &witness{lock: flock.New(filepath.Join(dir, "lock")), path: filepath.Join(dir, "token")}
	ok, err := w.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", w.lock.Path(), err)
	}
	if !ok {
		return nil, nil
	}
	token, err := os.ReadFile(w.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("read token of the last run: %w", err), w.lock.Unlock())
	}
	w.token = string(token)
	return w, nil
}

// keep writes the token of the run that begins.
func (w *witness) keep(token string) error {
	if err := os.WriteFile(w.path, []byte(token), 0o600); err != nil {
		return fmt.Errorf("keep token of this run: %w", err)
	}
	return nil
}
