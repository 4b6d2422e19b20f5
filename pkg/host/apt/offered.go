package apt

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Offered asks what versions of kubeadm the repository of a minor, or a bundle that is not nil, has; none when there is no such repository.
func Offered(ctx context.Context, log io.Writer, work workdir.Dir, minor string, from *bundle.Folder) ([]string, error) {
	v, err := version.Parse(minor + ".0")
	if err != nil {
		return nil, err
	}
	p, err := Open(ctx, log, work, v, from)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Update(ctx); err != nil {
		if fault.Code(err) == hostaction.CodeRepositoryFailed && absent(err.Error()) {
			fmt.Fprintf(log, "there is no repository of %s\n", minor)
			return []string{}, nil
		}
		return nil, err
	}
	kubeadm := cluster.PackageNames[0]
	offered, err := offers(ctx, p.options(), map[string]bool{kubeadm: true})
	if err != nil {
		return nil, err
	}
	if of := OfMinor(offered[kubeadm], v); of != nil {
		return of, nil
	}
	return []string{}, nil
}

// absent tells a repository that is not there from one that cannot be reached. The storage behind pkgs.k8s.io answers 403 for what it does not have.
func absent(words string) bool {
	for _, w := range []string{"404  Not Found", "403  Forbidden", "File not found", "does not have a Release file"} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}
