package step

import (
	"context"
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type send struct {
	base
	params plan.SendParams
}

// Done: every file is there, and every image that has no file there is in the container runtime.
func (a send) Done(ctx context.Context) (bool, error) {
	files, err := a.files(ctx)
	if err != nil || len(files) == 0 {
		return err == nil, err
	}
	held, err := a.Agents.Held(ctx, a.step.Node, a.params.Bundle, files)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(held, func(h hostaction.Held) bool { return !h.Whole }), nil
}

func (a send) Do(ctx context.Context, r Reporter) error {
	source, ok := a.Sources[a.params.Bundle]
	if !ok {
		return fmt.Errorf("send files to node %q: bundle %s is not the one that was given", a.step.Node, a.params.Bundle)
	}
	files, err := a.files(ctx)
	if err != nil {
		return err
	}
	return a.Agents.Send(ctx, a.step.Node, a.params.Bundle, files, source, agent.Follow{Log: r.Log, Waiting: r.Waiting})
}

// files asks the host which images it lacks.
func (a send) files(ctx context.Context) ([]hostaction.File, error) {
	if len(a.params.Images) == 0 {
		return a.params.Files, nil
	}
	var images []hostaction.File
	err := a.look(ctx, a.step.Node, "images", hostaction.FindImages{Bundle: a.params.Bundle, Images: a.params.Images}, &images)
	return slices.Concat(a.params.Files, images), err
}

type importImages struct {
	base
	action hostaction.ImportImages
}

// Done: nothing is needed from the bundle any more.
func (a importImages) Done(ctx context.Context) (bool, error) {
	var files []hostaction.File
	err := a.look(ctx, a.step.Node, "images", hostaction.FindImages{Bundle: a.action.Bundle, Images: a.action.Images}, &files)
	return err == nil && len(files) == 0, err
}

func (a importImages) Do(ctx context.Context, r Reporter) error {
	return a.host(ctx, r, a.action)
}
