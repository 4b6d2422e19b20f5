package cli

import (
	"context"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/probe"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
)

// measure starts to probe the API endpoint, and gives what ends it. With --no-probe, and where no probe can be made, there is nothing to report.
func (r *runner) measure(ctx context.Context, client *kube.Client, v ui.View, steps *probe.Steps) (stop func() *report.Probe) {
	if r.noProbe {
		return func() *report.Probe { return nil }
	}
	p, err := probe.Start(context.WithoutCancel(ctx), client.Config, probe.Options{}, func(g probe.Gap) {
		g = probe.Attribute([]probe.Gap{g}, steps.Intervals())[0]
		v.Emit(event.ProbeGap{Start: g.Start, End: g.End, Steps: g.Steps, Error: g.Error})
	})
	if err != nil {
		v.Emit(event.Notice{Time: time.Now(), Warning: true, Text: err.Error()})
		return func() *report.Probe { return nil }
	}
	return func() *report.Probe {
		s := p.Stop()
		out := &report.Probe{Requests: s.Requests, Failed: s.Failed, Longest: plan.Duration(s.Longest)}
		for _, g := range probe.Attribute(s.Gaps, steps.Intervals()) {
			out.Gaps = append(out.Gaps, report.Gap{Start: g.Start, Took: plan.Duration(g.Length()), Steps: g.Steps, Error: g.Error})
		}
		return out
	}
}
