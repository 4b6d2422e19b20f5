package report

import (
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// timeline is when each step ran on each node, as boxes of a picture. Its unit is that of the picture.
type timeline struct {
	Width, Height int
	Lanes         []lane
	Ticks         []tick
	Gaps          []box
	// Top is where the first lane begins, Left where time does, Bottom where the last lane ends.
	Top, Left, Right, Bottom int
}

// lane is one node, or the cluster as a whole.
type lane struct {
	Name   string
	Y, Mid int
	Boxes  []box
	// Cordons are when the node took no new pods.
	Cordons []box
}

// box is a stretch of time. Class is what it is drawn as, Text what it is.
type box struct {
	X, W        float64
	Y, H        int
	Class, Text string
}

type tick struct {
	X    float64
	Text string
}

// The measures of the picture.
const (
	pictureWidth = 1200
	laneHeight   = 26
	boxHeight    = 16
	axisHeight   = 24
	// perLetter is about how wide a letter of a node's name is.
	perLetter = 7
)

// newTimeline is nil for a run in which nothing ran.
func newTimeline(r *Report, planned map[string]plan.Step) *timeline {
	from, to := span(r)
	if from.IsZero() {
		return nil
	}
	total := max(to.Sub(from), time.Second)
	t := &timeline{Width: pictureWidth, Top: axisHeight, Left: perLetter * len("cluster"), Right: pictureWidth - 10}
	for _, s := range r.Steps {
		t.Left = max(t.Left, perLetter*len(s.Node))
	}
	t.Left = min(t.Left, pictureWidth/3) + 20
	x := func(at time.Time) float64 {
		return float64(t.Left) + float64(t.Right-t.Left)*float64(at.Sub(from))/float64(total)
	}
	at := map[string]int{}
	began := map[string]time.Time{}
	for _, s := range r.Steps {
		if s.Started.IsZero() {
			continue
		}
		name := s.Node
		if name == "" {
			name = "cluster"
		}
		i, ok := at[name]
		if !ok {
			i = len(t.Lanes)
			at[name] = i
			y := t.Top + i*laneHeight
			t.Lanes = append(t.Lanes, lane{Name: name, Y: y, Mid: y + laneHeight/2 + 4})
		}
		l := &t.Lanes[i]
		end := s.Started.Add(time.Duration(s.Took))
		kind := planned[s.ID].Kind
		title := planned[s.ID].Title
		if title == "" {
			title = s.ID
		}
		text := fmt.Sprintf("%s: %s, %s, %s from %s", name, title, s.State, round(s.Took), s.Started.UTC().Format(time.TimeOnly))
		l.Boxes = append(l.Boxes, box{X: x(s.Started), W: max(1, x(end)-x(s.Started)), Y: l.Y + (laneHeight-boxHeight)/2, H: boxHeight, Class: class(kind, s.State), Text: text})
		switch {
		case kind == plan.Cordon:
			began[name] = s.Started
		case kind == plan.Uncordon && (s.State == event.Done || s.State == event.Already) && !began[name].IsZero():
			l.Cordons = append(l.Cordons, cordon(x(began[name]), x(end), l.Y, name, end.Sub(began[name])))
			delete(began, name)
		}
	}
	// What was not opened again stays closed to the end of the picture.
	for name, since := range began {
		l := &t.Lanes[at[name]]
		l.Cordons = append(l.Cordons, cordon(x(since), x(to), l.Y, name, to.Sub(since)))
	}
	t.Bottom = t.Top + len(t.Lanes)*laneHeight
	t.Height = t.Bottom + axisHeight
	if r.Probe != nil {
		for _, g := range r.Probe.Gaps {
			end := g.Start.Add(time.Duration(g.Took))
			text := fmt.Sprintf("the API endpoint did not answer for %s from %s: %s", round(g.Took), g.Start.UTC().Format(time.TimeOnly), g.Error)
			t.Gaps = append(t.Gaps, box{X: x(g.Start), W: max(2, x(end)-x(g.Start)), Y: t.Top, H: t.Bottom - t.Top, Class: "gap", Text: text})
		}
	}
	every := tickEvery(total)
	for d := time.Duration(0); d <= total; d += every {
		t.Ticks = append(t.Ticks, tick{X: x(from.Add(d)), Text: plain(d)})
	}
	return t
}

// span is from the first step's beginning to the last one's end, and the gaps that reach beyond: the API is probed for a little longer.
func span(r *Report) (from, to time.Time) {
	for _, s := range r.Steps {
		if s.Started.IsZero() {
			continue
		}
		if from.IsZero() || s.Started.Before(from) {
			from = s.Started
		}
		if end := s.Started.Add(time.Duration(s.Took)); end.After(to) {
			to = end
		}
	}
	if from.IsZero() || r.Probe == nil {
		return from, to
	}
	for _, g := range r.Probe.Gaps {
		if g.Start.Before(from) {
			from = g.Start
		}
		if end := g.Start.Add(time.Duration(g.Took)); end.After(to) {
			to = end
		}
	}
	return from, to
}

func cordon(from, to float64, y int, name string, d time.Duration) box {
	return box{X: from, W: max(1, to-from), Y: y + 1, H: laneHeight - 2, Class: "cordoned", Text: fmt.Sprintf("%s: cordoned for %s", name, round(plan.Duration(d)))}
}

// class is what a step is drawn as: failures whatever they did, else by what the step does to the node.
func class(kind plan.Kind, state event.State) string {
	if state == event.Failed {
		return "failed"
	}
	switch kind {
	case plan.Drain:
		return "drain"
	case plan.Cordon, plan.Uncordon, plan.Mark:
		return "scheduling"
	case plan.NodeReady, plan.ControlPlaneReady, plan.Verify, plan.NodesServe, of(hostaction.EtcdAgree{}):
		return "look"
	case plan.Send, of(hostaction.DownloadPackages{}), of(hostaction.PullImages{}), of(hostaction.CheckImages{}), of(hostaction.ImportImages{}):
		return "fetch"
	}
	return "work"
}

// of is the kind of the steps that have hosts do something.
func of(a hostaction.Action) plan.Kind { return plan.Kind(a.Kind()) }

// tickEvery is a round time of which the picture has at most a dozen.
func tickEvery(total time.Duration) time.Duration {
	for _, d := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour} {
		if total/d <= 12 {
			return d
		}
	}
	return 24 * time.Hour
}

// plain writes a round time without its zeros.
func plain(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
