package apt

import (
	"context"
	"fmt"
	"io"
	"regexp"
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

// simulate lists what apt would change, removals included.
func simulate(ctx context.Context, log io.Writer, opts []string, versions map[string]string) ([]hostaction.PackageChange, error) {
	out, err := proc.Logged(ctx, log, "apt-get", install(opts, versions, "-q", "-s")...)
	if err != nil {
		return nil, refused("simulate installation", versions, err, out)
	}
	return ParseSimulation(out, newer(ctx)), nil
}

// unmet are the lines in which apt says why a transaction cannot be: "E: ..." and " kubeadm : Depends: cri-tools (>= 1.34.0) but ...".
var unmet = regexp.MustCompile(`(?m)^(E: .*|\s+\S+ : .*|\s+(?:Pre-?)?(?:Depends|Conflicts|Breaks): .*)$`)

// refused keeps apt's reasons of all that it said; the whole is in the log.
func refused(doing string, versions map[string]string, err error, out string) error {
	var asked, why []string
	for _, n := range order(versions) {
		asked = append(asked, n+"="+versions[n])
	}
	for _, l := range unmet.FindAllString(out, -1) {
		why = append(why, strings.Join(strings.Fields(l), " "))
	}
	if len(why) == 0 {
		return fmt.Errorf("%s %s: %w", doing, strings.Join(asked, " "), err)
	}
	return fmt.Errorf("%s %s: %s", doing, strings.Join(asked, " "), strings.Join(why, "; "))
}
