package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// sumLength is how much of the checksum is in the name: enough that two agents never meet, and still readable in a unit.
const sumLength = 12

// Install copies the running program to the host, under a name with its checksum: an action that an older agent started goes on with
// its own binary, and the new one is there whole or not at all. It returns the path on the host.
func Install(work workdir.Dir) (string, error) {
	if err := work.Make(); err != nil {
		return "", err
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("install agent: %w", err)
	}
	defer self.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, self); err != nil {
		return "", fmt.Errorf("install agent: %w", err)
	}
	path := filepath.Join(work.Bin(), "host-agent-"+hex.EncodeToString(sum.Sum(nil))[:sumLength])
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if _, err := self.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("install agent: %w", err)
	}
	return path, file.Replace(path, func(f *os.File) error {
		if _, err := io.Copy(f, self); err != nil {
			return err
		}
		return f.Chmod(0o755)
	})
}
