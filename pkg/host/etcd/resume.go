package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
)

// resumption has the host's systemd go on with an action when the host starts anew. Transient units are gone then, and while its member is made anew nobody has a way
// to this host but its own.
type resumption struct {
	// dir is where the units of the host's administrator lie.
	dir string
	// command goes on with the action; where there is none, nothing is kept.
	command []string
}

const resumeUnit = "kubectl-upgrade-rebuild.service"

const resumeText = `# Written by kubectl upgrade while the etcd member of this host is made anew; it removes this file at the end.
[Unit]
Description=kubectl upgrade: end what a restore of etcd has begun
After=network.target

[Service]
Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
ExecStart=%s

[Install]
WantedBy=multi-user.target
`

func (r resumption) unit() string { return filepath.Join(r.dir, resumeUnit) }
func (r resumption) link() string {
	return filepath.Join(r.dir, "multi-user.target.wants", resumeUnit)
}

// keep writes the unit and has it wanted at the start, as "systemctl enable" does. Systemd reads both when the host starts.
func (r resumption) keep() error {
	if len(r.command) == 0 {
		return nil
	}
	words := make([]string, 0, len(r.command))
	for _, w := range r.command {
		// The names of requests have backslashes in them.
		words = append(words, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(w)+`"`)
	}
	if err := file.Write(r.unit(), fmt.Appendf(nil, resumeText, strings.Join(words, " ")), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.link()), 0o755); err != nil {
		return fmt.Errorf("have the host go on after a restart: %w", err)
	}
	if err := os.Symlink(r.unit(), r.link()); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("have the host go on after a restart: %w", err)
	}
	return errors.Join(file.SyncDir(filepath.Dir(r.link())), file.SyncDir(r.dir))
}

// drop takes both away.
func (r resumption) drop() error {
	if len(r.command) == 0 {
		return nil
	}
	for _, path := range []string{r.link(), r.unit()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("have the host not go on after a restart: %w", err)
		}
	}
	return nil
}

// Resume goes on with what a process of ours has left in its middle on this host, by the unit that would go on after a restart.
func Resume(ctx context.Context) error {
	r := resumption{dir: units}
	if _, err := os.Stat(r.unit()); err != nil {
		return nil
	}
	sd, err := Systemd(ctx)
	if err != nil {
		return err
	}
	defer sd.Close()
	return errors.Join(sd.Reload(ctx), sd.StartService(ctx, resumeUnit))
}
