package command

import (
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
)

// moveBinaries has etcd, etcdctl and etcdutl lead to the release that was migrated to, for a manifest that runs
// /usr/local/bin/etcd afterwards in the same container, as that of the Kubernetes image did. There they were overwritten; here only
// links are, which the image has and a host that the program was called on by hand has not.
func (a *app) moveBinaries(version string) {
	if a.Getenv("TARGET_VERSION") == "" || a.Getenv("DO_NOT_MOVE_BINARIES") != "" || a.flags.Changed("to") || a.flags.Changed("target-version") {
		return
	}
	minor, err := hops.Minor(version)
	if err != nil {
		return
	}
	bins, err := hops.Find(a.opts.BinDir)
	if err != nil {
		return
	}
	_, full, err := bins.Get(minor)
	if err != nil {
		return // what is not brought along cannot be run either
	}
	for _, name := range []string{"etcd", "etcdctl", "etcdutl"} {
		link, to := filepath.Join(a.opts.BinDir, name), name+"-"+full
		if now, err := os.Readlink(link); err != nil || now == to {
			continue
		}
		if _, err := os.Stat(filepath.Join(a.opts.BinDir, to)); err != nil {
			continue
		}
		err := os.Symlink(to, link+"-next")
		if err == nil {
			err = os.Rename(link+"-next", link)
		}
		if err != nil {
			a.log.Warn("leave the link as it is", zap.String("name", name), zap.Error(err))
		}
	}
}
