package apt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// switchSources makes the edits in the host's own files.
func (p *Private) switchSources(work workdir.Dir) error {
	done := map[string]bool{}
	for _, e := range p.Edits {
		fmt.Fprintf(p.log, "%s:\n- %s\n+ %s\n", e.File, e.Before, e.After)
		if done[e.File] {
			continue
		}
		done[e.File] = true
		if err := replaceKeeping(e.File, p.files[e.File], filepath.Join(work.Backup(), workdir.Escape(e.File))); err != nil {
			return fmt.Errorf("switch package source: %w", err)
		}
	}
	return nil
}

// replaceKeeping replaces the content of a file and keeps mode and owner; the first content ever seen goes to backup.
func replaceKeeping(path string, content []byte, backup string) error {
	path, err := filepath.EvalSymlinks(path) // a link of somebody's configuration management stays one
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := backupOnce(path, backup); err != nil {
		return err
	}
	return file.Replace(path, func(f *os.File) error {
		if _, err := f.Write(content); err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
		}
		return f.Chmod(info.Mode().Perm())
	})
}

func backupOnce(path, backup string) error {
	if _, err := os.Stat(backup); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(backup), 0o700); err != nil {
		return err
	}
	return file.Write(backup, b, 0o600)
}
