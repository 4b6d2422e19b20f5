package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// EditFiles replaces files of the host. All are looked at before the first is written.
func (h Host) EditFiles(_ context.Context, a hostaction.EditFiles) (any, error) {
	if err := checkFiles(a.Files); err != nil {
		return nil, err
	}
	for _, c := range a.Files {
		if changed(c) {
			h.say("%s is as it should be", c.Path)
			continue
		}
		if err := writeText(c.Path, []byte(c.After)); err != nil {
			return nil, err
		}
		h.say("wrote %s", c.Path)
	}
	return nil, nil
}

// checkFiles refuses files that somebody has changed since the plan was made.
func checkFiles(changes []hostaction.FileChange) error {
	for _, c := range changes {
		if changed(c) {
			continue
		}
		have, err := sumOf(c.Path)
		if err != nil {
			return err
		}
		switch {
		case have == c.Before:
		case have == "":
			return fmt.Errorf("change %s: it is gone since the plan was made", c.Path)
		case c.Before == "":
			return fmt.Errorf("change %s: it was not there when the plan was made", c.Path)
		default:
			return fmt.Errorf("change %s: somebody has changed it since the plan was made (its SHA-256 is %s, and was %s)", c.Path, have, c.Before)
		}
	}
	return nil
}

// changed tells whether a file has its new text.
func changed(c hostaction.FileChange) bool {
	text, err := os.ReadFile(c.Path)
	return err == nil && string(text) == c.After
}

// sumOf is the SHA-256 of a file, and empty when there is none.
func sumOf(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look at file: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// writeText replaces a file atomically, where a link to it stays one, and leaves mode and owner. On the way there is another file beside it, whose name
// begins with a dot: the kubelet takes no notice of such in its folder of manifests.
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/config/file_linux.go
func writeText(path string, text []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode, uid, gid := fs.FileMode(0o600), 0, 0
	info, err := os.Stat(path)
	switch {
	case err == nil:
		mode = info.Mode().Perm()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(s.Uid), int(s.Gid)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write file: %w", err)
	}
	return file.Replace(path, func(f *os.File) error {
		if _, err := f.Write(text); err != nil {
			return err
		}
		return errors.Join(f.Chown(uid, gid), f.Chmod(mode))
	})
}
