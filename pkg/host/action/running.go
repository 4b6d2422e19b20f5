package action

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// changing lists the requests that change the host and whose units run now. They outlive whoever asked for them.
func changing(ctx context.Context, sd *systemd.Conn, env Env) ([]string, error) {
	units, err := sd.Running(ctx, workdir.UnitPrefix)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, u := range units {
		id, ok := workdir.IDOfUnit(u)
		if !ok {
			continue
		}
		var r hostaction.Request
		b, err := os.ReadFile(filepath.Join(env.Work.Run(id), "request.json"))
		// A unit without a request is one that cleans up.
		if err == nil && json.Unmarshal(b, &r) == nil && r.Changes {
			out = append(out, id)
		}
	}
	return out, nil
}
