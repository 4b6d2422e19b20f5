package etcd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
)

// units is where drop-ins are that win over all others.
const units = "/etc/systemd/system"

// dropIn keeps a service from being started, also by a reboot of the host. Masking would not do: systemd refuses to mask a unit whose file lies in
// /etc, where those that people write do.
func dropIn(unit string) string {
	return filepath.Join(units, unit+".d", "zz-kubectl-upgrade-stopped.conf")
}

const never = `# Written by kubectl upgrade while the data of this member are worked on; it removes this file when it starts the member again.
[Unit]
ConditionPathExists=/nonexistent/kubectl-upgrade-stopped
`

func forbid(unit string) error {
	path := dropIn(unit)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep %s from being started: %w", unit, err)
	}
	return file.Write(path, []byte(never), 0o644)
}

func allow(unit string) error {
	path := dropIn(unit)
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("let %s be started: %w", unit, err)
	}
	_ = os.Remove(filepath.Dir(path)) // it is empty unless somebody else has a drop-in there
	return file.SyncDir(units)
}
