package apt

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
)

// Installed gives those of the packages that dpkg has on the host, and which of all of them are held, also when not installed.
func Installed(ctx context.Context, names []string) (pkgs []cluster.Package, held []string, err error) {
	args := append([]string{"-W", "-f", `${Package}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\n`}, names...)
	out, err := proc.Output(ctx, "dpkg-query", args...)
	if exit, ok := errors.AsType[*proc.Error](err); err != nil && (!ok || exit.Code != 1) {
		return nil, nil, err // 1 says that some of the names are not known
	}
	pkgs, held = parseStates(out)
	return pkgs, held, nil
}

func parseStates(out string) (pkgs []cluster.Package, held []string) {
	for l := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(l), "\t")
		if len(f) != 4 {
			continue
		}
		if f[2] == "hold" {
			held = append(held, f[0])
		}
		if f[3] != "not-installed" && f[3] != "config-files" {
			p := cluster.Package{Name: f[0], Version: f[1], Held: f[2] == "hold"}
			if f[3] != "installed" {
				p.State = f[3]
			}
			pkgs = append(pkgs, p)
		}
	}
	return pkgs, held
}

// Repair finishes a package operation that was cut off, as apt demands before it does anything else.
func Repair(ctx context.Context, log io.Writer) error {
	out, err := proc.Output(ctx, "dpkg", "--audit")
	if err != nil {
		return err
	}
	pending, err := os.ReadDir("/var/lib/dpkg/updates")
	if err == nil && len(pending) == 0 && strings.TrimSpace(out) == "" {
		return nil
	}
	if err := proc.Run(ctx, log, "dpkg", "--force-confdef", "--force-confold", "--configure", "-a"); err != nil && ctx.Err() != nil {
		return err
	}
	// A package whose own script fails is not ours to judge here: the versions to come may be its cure, and apt refuses if they are not.
	return nil
}

// newer tells by dpkg's own rules whether version a is newer than b.
func newer(ctx context.Context) func(a, b string) bool {
	return func(a, b string) bool {
		_, err := proc.Output(ctx, "dpkg", "--compare-versions", a, "gt", b)
		return err == nil
	}
}
