package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// VersionFile is where the image of Kubernetes kept what had run last, such as "3.4.13/etcd3".
const VersionFile = "version.txt"

// ReadVersionFile returns the file's content, empty when there is none. It is shown, and nothing is decided by it: a
// full disk used to leave it empty, https://github.com/kubernetes/kubernetes/issues/98989.
func (d Dir) ReadVersionFile() (string, error) {
	data, err := os.ReadFile(filepath.Join(string(d), VersionFile))
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", VersionFile, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// WriteVersionFile replaces the file as a whole.
func (d Dir) WriteVersionFile(text string) error {
	path := filepath.Join(string(d), VersionFile)
	f, err := os.OpenFile(path+"-next", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", VersionFile, err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(path+"-next", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", VersionFile, err)
	}
	return nil
}
