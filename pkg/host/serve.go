package host

import (
	"context"
	"fmt"
	"io"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// Serve is the process of the agent's pod: it installs the agent and then only keeps the pod alive for exec. It listens on nothing.
func Serve(ctx context.Context, work workdir.Dir, out io.Writer) error {
	if _, err := Install(work); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
