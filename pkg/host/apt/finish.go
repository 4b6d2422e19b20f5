package apt

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// Finish brings to its end what an installation left half done, at the versions that are there, and restores the holds that it lifted.
func Finish(ctx context.Context, log io.Writer, work workdir.Dir) error {
	if err := WaitUnlocked(ctx, log); err != nil {
		return err
	}
	if err := Repair(ctx, log); err != nil {
		return err
	}
	recorded, err := ReadHolds(work.Holds())
	if err == nil && recorded != nil {
		err = restoreHolds(ctx, log, work.Holds(), recorded)
	}
	if err != nil {
		return err
	}
	pkgs, _, err := Installed(ctx, cluster.PackageNames)
	if err != nil {
		return err
	}
	var left []string
	for _, p := range pkgs {
		if p.State != "" {
			left = append(left, fmt.Sprintf("%s %s is %s", p.Name, p.Version, p.State))
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("finish packages: %s; see on the host: dpkg --configure -a", strings.Join(left, ", "))
	}
	return nil
}
