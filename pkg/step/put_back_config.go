package step

import (
	"context"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// putBackConfig gives a configuration that kubeadm keeps what an upgrade that is given up has taken out of it.
type putBackConfig struct {
	base
	params plan.PutBackParams
}

func (a putBackConfig) Done(ctx context.Context) (bool, error) {
	return a.edited(ctx, a.params.ConfigMap, a.params.Key, a.whole)
}

func (a putBackConfig) Do(ctx context.Context, r Reporter) error {
	return a.edit(ctx, r, a.params.ConfigMap, a.params.Key, a.whole)
}

func (a putBackConfig) whole(text []byte) ([]byte, error) {
	return manifest.PutBack(text, a.params.Settings)
}
