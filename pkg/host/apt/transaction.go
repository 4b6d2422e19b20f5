package apt

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// order gives the names with those of cluster.PackageNames first and in their order.
func order[V any](versions map[string]V) []string {
	var names []string
	for n := range versions {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		ia, ib := slices.Index(cluster.PackageNames, a), slices.Index(cluster.PackageNames, b)
		if ia >= 0 && ib >= 0 {
			return ia - ib
		}
		return strings.Compare(a, b)
	})
	return names
}

// install is the apt-get call on which simulation, size, download and installation agree: any difference and the plan would show something else than what happens.
func install(opts []string, versions map[string]string, extra ...string) []string {
	args := append(append([]string{}, opts...), extra...)
	args = append(args, "-y", "--no-install-recommends", "--allow-downgrades", "install")
	for _, n := range order(versions) {
		args = append(args, n+"="+versions[n])
	}
	return args
}

// simulate lists what apt would change, held packages and removals included.
func simulate(ctx context.Context, log io.Writer, opts []string, versions map[string]string) ([]hostaction.PackageChange, error) {
	out, err := proc.Logged(ctx, log, "apt-get", install(opts, versions, "-q", "-s", "--allow-change-held-packages")...)
	if err != nil {
		return nil, err
	}
	return ParseSimulation(out, newer(ctx)), nil
}
