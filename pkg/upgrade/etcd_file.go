package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/step"
)

// localFile measures a snapshot of this machine.
func localFile(path string) (hostaction.File, error) {
	out := hostaction.File{Path: plan.SnapshotFile}
	f, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("read snapshot: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if out.Size, err = io.Copy(sum, f); err != nil {
		return out, fmt.Errorf("read snapshot: %w", err)
	}
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return out, nil
}

// bring brings a snapshot of this machine to a node, where it goes with the agent.
func (u *Upgrade) bring(ctx context.Context, path, node string) (hostaction.File, error) {
	f, err := localFile(path)
	if err != nil {
		return f, err
	}
	u.notice("bring %s to node %s", path, node)
	return f, u.agents.Send(ctx, node, f.SHA256, []hostaction.File{f}, step.LocalFile(path), agent.Follow{Waiting: u.waiting})
}
