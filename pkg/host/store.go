// Package host is the agent on a cluster's machine. In its pod it starts typed actions as transient units of the host's systemd and
// follows them; on the host, inside such a unit, it runs them. What an action said and how it ended stay on the host's disk, so that
// neither a broken stream nor a restarted pod, kubelet or runtime loses anything.
package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// store is the directory of one request.
type store string

func (s store) request() string { return filepath.Join(string(s), "request.json") }
func (s store) log() string     { return filepath.Join(string(s), "log") }
func (s store) result() string  { return filepath.Join(string(s), "result.json") }
func (s store) lock() string    { return filepath.Join(string(s), "lock") }

// reset makes the directory that of a new request. The log goes last but for the request itself:
// a log without a result is how an interrupted action is known.
func (s store) reset(r hostaction.Request) error {
	for _, old := range []string{s.result(), s.log()} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear request %s: %w", r.ID, err)
		}
	}
	return writeJSON(s.request(), r)
}

// readRequest gives the stored request; ok is false when there is none.
func (s store) readRequest() (r hostaction.Request, ok bool, err error) {
	ok, err = readJSON(s.request(), &r)
	return r, ok, err
}

// readResult gives the stored result; ok is false when there is none.
func (s store) readResult() (r hostaction.Result, ok bool, err error) {
	ok, err = readJSON(s.result(), &r)
	return r, ok, err
}

// begun tells whether the action has started to run: it opens its log first of all.
func (s store) begun() bool {
	_, err := os.Stat(s.log())
	return err == nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Write(path, append(b, '\n'), 0o600)
}

func readJSON(path string, v any) (bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	return true, nil
}
