package step

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// etcdDownload copies a file of a host to the operator's machine.
type etcdDownload struct {
	base
	params plan.EtcdDownloadParams
}

// Done: only the host can tell whether a file that is here already is the same one.
func (etcdDownload) Done(context.Context) (bool, error) { return false, nil }

func (a etcdDownload) Do(ctx context.Context, r Reporter) error {
	var f hostaction.Offered
	if err := a.hostOut(ctx, r, hostaction.OfferFile{Path: a.params.Path}, &f); err != nil {
		return err
	}
	// It has every secret of the cluster in it.
	if err := os.MkdirAll(a.params.Dir, 0o700); err != nil {
		return fmt.Errorf("make directory for the snapshot: %w", err)
	}
	to := filepath.Join(a.params.Dir, path.Base(a.params.Path))
	if err := a.Agents.Fetch(ctx, a.step.Node, f, to, agent.Follow{Log: r.Log, Waiting: r.Waiting}); err != nil {
		return err
	}
	r.Log(fmt.Sprintf("%s: %d bytes, sha256 %s", to, f.Size, f.SHA256))
	a.found(to)
	return nil
}
