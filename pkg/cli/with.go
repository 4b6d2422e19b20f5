package cli

import (
	"context"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// with makes what every command works with, and takes it away again.
func (r *runner) with(ctx context.Context, opts upgrade.Options, do func(context.Context, *kube.Client, *upgrade.Upgrade, ui.View) error) error {
	v := r.view()
	defer v.Close()
	warn := func(text string) { warn(v, text) }
	client, err := kube.New(r.flags, warn)
	if err != nil {
		return err
	}
	u := upgrade.New(client, opts, v)
	defer func() {
		for _, err := range u.Close(ctx) {
			warn(err.Error())
		}
	}()
	return do(ctx, client, u, v)
}

func warn(v ui.View, text string) { v.Emit(event.Notice{Time: time.Now(), Warning: true, Text: text}) }
