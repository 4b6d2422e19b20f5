package step

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/observe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

type controlPlaneReady struct {
	base
	params plan.ControlPlaneReadyParams
}

// Done is always found out by the gate itself, which must hold for a while.
func (a controlPlaneReady) Done(context.Context) (bool, error) { return false, nil }

func (a controlPlaneReady) Do(ctx context.Context, r Reporter) error {
	return hold(ctx, r, time.Duration(a.params.Stable), func(ctx context.Context) (missing, mark string) {
		missing, mark = a.staticPods(ctx, func(component, image string) string {
			if slices.Contains(plan.ControlPlaneComponents, component) && observe.Tag(image) != a.params.Version.String() {
				return fmt.Sprintf("static pod %s-%s to run %s (now %s)", component, a.step.Node, a.params.Version, image)
			}
			return ""
		})
		return a.running(ctx, missing, mark)
	}, a.controlPlane)
}

// running adds to a look at static pods that run one at what they serve together.
func (b base) running(ctx context.Context, missing, mark string) (string, string) {
	if mark == "" {
		return missing, ""
	}
	if cause := b.readyz(ctx); cause != "" {
		return cause, ""
	}
	return missing, mark
}

// controlPlane asks the endpoint, and from the host of every control-plane node its own API server and etcd.
func (b base) controlPlane(ctx context.Context) (missing string) {
	if missing := b.readyz(ctx); missing != "" {
		return missing
	}
	names, err := observe.ControlPlanes(ctx, b.Client)
	if err != nil {
		return "API server: " + err.Error()
	}
	for _, n := range names {
		var h hostaction.Health
		if err := b.glance(ctx, n, "health-"+n, hostaction.ControlPlaneHealth{}, &h); err != nil {
			return err.Error()
		}
		if h.APIServer != "" {
			return fmt.Sprintf("API server on node %q: %s", n, h.APIServer)
		}
		if h.Etcd != "" {
			return fmt.Sprintf("etcd on node %q: %s", n, h.Etcd)
		}
		for _, m := range h.Members {
			if m.Error != "" {
				return fmt.Sprintf("etcd member %s, seen from node %q: %s", m.Name, n, m.Error)
			}
		}
	}
	return ""
}
