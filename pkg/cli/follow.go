package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
)

// followEvery is how often a run that is followed is looked at. Its record is written once a second at most.
const followEvery = 2 * time.Second

// refusalPatience is how long refusals are taken for those of an API server that has just started, and does not know the roles yet.
const refusalPatience = 2 * time.Minute

// patience tells which errors pass by themselves.
type patience struct{ refused time.Time }

func (p *patience) passes(err error) bool {
	if err == nil || !kube.IsRetryableLater(err) || kube.IsRetryable(err) {
		p.refused = time.Time{}
		return kube.IsRetryable(err)
	}
	if p.refused.IsZero() {
		p.refused = time.Now()
	}
	return time.Since(p.refused) < refusalPatience
}

// follower shows a run as it goes on.
type follower interface {
	// show is given what is known now.
	show(now report.Status, run *record.Run) error
	// away is told why the API server cannot be asked just now, and nil when it can again.
	away(err error)
	// end is called once the run is over.
	end(now report.Status)
	close()
}

// follow shows a run until it ends or the operator has seen enough.
func (s *status) follow(ctx context.Context, now report.Status) error {
	var f follower = &documents{w: s.in.Out}
	if s.output == "" {
		f = &picture{w: s.in.Out, view: ui.New(s.in.Out, ui.Options{Getenv: os.Getenv})}
	}
	defer f.close()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var p patience
	for {
		if err := f.show(now, s.run); err != nil {
			return fmt.Errorf("write status: %w", err)
		}
		if now.State != record.Running {
			f.end(now)
			return nil
		}
		select {
		case <-s.in.Stop: // who looks interrupts nothing
			return nil
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next, err := s.look(ctx)
		passes := p.passes(err)
		switch {
		case err == nil:
			now = next
		case !passes && ctx.Err() == nil:
			return err
		}
		f.away(err)
	}
}

// documents writes one line of JSON for every change.
type documents struct {
	w    io.Writer
	last []byte
}

func (d *documents) show(now report.Status, _ *record.Run) error {
	// That time goes by is no change.
	still := now
	still.Time = time.Time{}
	if now.Holder != nil {
		h := *now.Holder
		h.Heartbeat = 0
		still.Holder = &h
	}
	still.Phases = slices.Clone(now.Phases)
	for i, p := range still.Phases {
		still.Phases[i].Nodes = slices.Clone(p.Nodes)
		for j := range p.Nodes {
			if n := &still.Phases[i].Nodes[j]; n.State == event.Running {
				n.Took = 0
			}
		}
	}
	text, err := json.Marshal(still)
	if err != nil || bytes.Equal(text, d.last) {
		return err
	}
	d.last = text
	return json.NewEncoder(d.w).Encode(now)
}

func (*documents) away(error)        {}
func (*documents) end(report.Status) {}
func (*documents) close()            {}

// picture shows the run in the same view in which its own operator sees it.
type picture struct {
	w    io.Writer
	view ui.View
	seen *record.Run
}

func (p *picture) show(now report.Status, run *record.Run) error {
	if p.seen == nil && now.Holder != nil {
		p.view.Emit(event.Notice{Time: now.Time, Text: fmt.Sprintf("followed: %s, %q", now.Holder.Name, now.Holder.Purpose)})
	}
	for _, e := range happened(p.seen, run, now.Time) {
		p.view.Emit(e)
	}
	p.seen = run
	return nil
}

func (p *picture) away(err error) {
	w := event.Waiting{Time: time.Now()}
	if err != nil {
		w.For = "the API server: " + err.Error()
	}
	p.view.Emit(w)
}

func (p *picture) end(now report.Status) {
	p.view.Close()
	if now.State == report.None {
		fmt.Fprintln(p.w, "The record is gone: the upgrade is done, or was given up. See: kubectl get nodes")
		return
	}
	fmt.Fprintln(p.w)
	report.WriteStatus(p.w, now)
}

func (p *picture) close() { p.view.Close() }

// happened tells as events what became of a run between two looks at it; seen is nil at the first one.
func happened(seen, run *record.Run, now time.Time) []event.Event {
	if run == nil {
		if seen == nil {
			return nil
		}
		return []event.Event{event.RunFinished{Time: now, Took: now.Sub(seen.Started)}}
	}
	var out []event.Event
	if seen == nil || seen.ID != run.ID {
		seen = &record.Run{}
		tree := event.Tree{Title: fmt.Sprintf("Upgrade %s to %s", run.From, run.To)}
		if run.Plan != nil {
			tree = engine.Tree(run.Plan)
		}
		out = append(out, event.RunStarted{Time: run.Started, Tree: tree})
	}
	for _, e := range run.Journal {
		if slices.Contains(seen.Journal, e) {
			continue
		}
		if !slices.ContainsFunc(seen.Steps, func(s record.Step) bool { return s.ID == e.ID }) {
			out = append(out, event.StepStarted{Time: e.Started, ID: e.ID})
		}
		out = append(out, event.StepFinished{Time: e.Started.Add(time.Duration(e.Took)), ID: e.ID, State: e.State, Took: time.Duration(e.Took), Error: e.Error})
	}
	for _, s := range run.Steps {
		i := slices.IndexFunc(seen.Steps, func(o record.Step) bool { return o.ID == s.ID })
		if i < 0 {
			out = append(out, event.StepStarted{Time: s.Started, ID: s.ID})
		}
		if i < 0 && s.Waiting != "" || i >= 0 && s.Waiting != seen.Steps[i].Waiting {
			out = append(out, event.StepWaiting{Time: s.Since, ID: s.ID, For: s.Waiting})
		}
	}
	if run.State != record.Running {
		out = append(out, event.RunFinished{Time: run.Updated, Took: run.Updated.Sub(run.Started), Error: run.Error})
	}
	return out
}
