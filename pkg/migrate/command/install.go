package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/install"
)

// installed is what the command says is there.
type installed struct {
	Dir      string              `json:"dir"`
	Programs []install.Installed `json:"programs"`
}

// install brings this program and the releases that are at hand to a folder, which is one of the host where an init
// container is told so. The answer is JSON in any case: it is meant for who started that container.
func (a *app) install(ctx context.Context) error {
	names, err := hops.Programs(a.opts.BinDir, a.versions)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	programs := []install.Program{{Name: "etcd-migrate", Path: self}}
	for _, name := range names {
		programs = append(programs, install.Program{Name: name, Path: filepath.Join(a.opts.BinDir, name)})
	}
	list, err := install.Install(ctx, a.args[0], programs)
	if err != nil {
		return err
	}
	return a.json(installed{Dir: a.args[0], Programs: list})
}
